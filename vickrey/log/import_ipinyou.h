#ifndef VICKREY_LOG_IMPORT_IPINYOU_H_
#define VICKREY_LOG_IMPORT_IPINYOU_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// The iPinYou impression log, one row after another (log/ipinyou_row.h). A row is an impression that was won: an
// auction of one candidate, shown in slot 1. Prices are kept as they are, for a thousand impressions: the floor
// (slotprice) as the auction's reserve, the bid (bidprice) and what was paid (payprice) as the candidate's
// bid_mille_micros and price_mille_micros. A bid for a click there is none: it is drawn. The user (ipinyouid),
// fingerprinted, is the cluster. Features as in the preset schema "ipinyou".
absl::StatusOr<std::unique_ptr<Importer>> MakeIpinyouImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_IPINYOU_H_
