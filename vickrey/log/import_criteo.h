#ifndef VICKREY_LOG_IMPORT_CRITEO_H_
#define VICKREY_LOG_IMPORT_CRITEO_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// The Criteo display advertising log (Kaggle 2014): tab-separated label, 13 whole numbers I1..I13 and 26 categoricals
// C1..C26, in order of time, any of the 39 empty. It has no auctions, bids or times: `group_size` consecutive rows make
// an auction, bids are drawn, and auctions are one second apart from 2014-01-01. All features are the ad's (preset
// schema "criteo").
absl::StatusOr<std::unique_ptr<Importer>> MakeCriteoImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_CRITEO_H_
