#ifndef VICKREY_LOG_IMPORT_IPINYOU_H_
#define VICKREY_LOG_IMPORT_IPINYOU_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// The iPinYou impression log (season 2 and 3; the sets of one advertiser, as make-ipinyou-data cuts them):
// tab-separated, no header, 27 columns, click, weekday, hour, ..., usertag, or 29 with the numbers of clicks and of
// conversions behind them. A row is an impression that was won: an auction of one candidate, shown in slot 1. Prices
// are in fen (0.01 CNY) for a thousand impressions and kept as such: the floor (slotprice) as the auction's reserve,
// the bid (bidprice) and what was paid (payprice) as the candidate's bid_mille_micros and price_mille_micros. A bid for
// a click there is none: it is drawn. Times are Beijing's. The user (ipinyouid), fingerprinted, is the cluster.
// Features as in the preset schema "ipinyou"; null, Na and nothing are missing.
absl::StatusOr<std::unique_ptr<Importer>> MakeIpinyouImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_IPINYOU_H_
