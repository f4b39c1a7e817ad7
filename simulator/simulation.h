#ifndef SIMULATOR_SIMULATION_H_
#define SIMULATOR_SIMULATION_H_

#include "absl/status/statusor.h"
#include "simulator/outcomes.h"
#include "simulator/part.h"
#include "vickrey/base/shard.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// Plays the same auctions against every model of a configuration and compares the first one with each of the others.
//
// Threads take blocks of auctions, play and judge them by themselves, and add what came of them in the order of the
// blocks. So outcomes and statistics come out the same, to the bit, for scorer `grpc` and `inprocess`, for any number
// of threads and of calls in flight; and no more blocks are in memory than there are threads.
//
// A call that fails for good is an outcome that is `missing`, and counted; one that is refused (INVALID_ARGUMENT and
// the like) ends the simulation, as does a signal (CANCELLED).
//
// `part`, where it is not nullptr, is told everything that a merge needs. REQUIRES: a finished configuration.
absl::StatusOr<vickrey::v1::SimulationSummary> Simulate(const vickrey::config::v1::SimulateConfig& config,
                                                        const base::Shard& shard, OutcomeWriter* outcomes,
                                                        PartWriter* part);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_SIMULATION_H_
