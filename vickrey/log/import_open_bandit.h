#ifndef VICKREY_LOG_IMPORT_OPEN_BANDIT_H_
#define VICKREY_LOG_IMPORT_OPEN_BANDIT_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// The Open Bandit dataset: CSV with a header that names timestamp, item_id, position, click, propensity_score,
// user_feature_0..3 and user-item_affinity_0..N-1, among others. A row is one decision: an auction whose candidates are
// the N items, of which one was shown, at a position (the slot), with the probability that the policy gave it
// (propensity). Bids are drawn, one for each item and row. The table of items (options.items: CSV with item_id and
// item_feature_0..3) gives the items' features; without it an item has its id and the user's affinity to it. Features
// as in the preset schema "open_bandit".
absl::StatusOr<std::unique_ptr<Importer>> MakeOpenBanditImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_OPEN_BANDIT_H_
