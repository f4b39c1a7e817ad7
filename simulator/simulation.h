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
// Outcomes and statistics come out the same, to the bit, for scorer `grpc` and `inprocess` and for any number of calls
// in flight: auctions are played in blocks, and a block is scored in order when all its calls are back. A call that
// fails for good is an outcome that is `missing`, and counted; one that is refused (INVALID_ARGUMENT and the like) ends
// the simulation, as do 100 calls that are lost in a row, and a signal (CANCELLED).
//
// `part`, where it is not nullptr, is told everything that a merge needs. REQUIRES: a finished configuration.
absl::StatusOr<vickrey::v1::SimulationSummary> Simulate(const vickrey::config::v1::SimulateConfig& config,
                                                        const base::Shard& shard, OutcomeWriter* outcomes,
                                                        PartWriter* part);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_SIMULATION_H_
