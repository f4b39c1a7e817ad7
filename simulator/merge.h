#ifndef SIMULATOR_MERGE_H_
#define SIMULATOR_MERGE_H_

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "simulator/outcomes.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// Puts a simulation together again from the parts of all its shards, given in any order: the summary and the outcomes
// are those of one run over all auctions, to the byte, but for `seconds`, which are the sums of the shards'.
//
// INVALID_ARGUMENT naming the part that is not of the same simulation, comes twice or is missing; DATA_LOSS for one
// that is damaged; NOT_FOUND for one that is not there; CANCELLED by a signal.
absl::StatusOr<vickrey::v1::SimulationSummary> Merge(const std::vector<std::filesystem::path>& parts,
                                                     OutcomeWriter* outcomes);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_MERGE_H_
