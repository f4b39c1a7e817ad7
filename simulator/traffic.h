#ifndef SIMULATOR_TRAFFIC_H_
#define SIMULATOR_TRAFFIC_H_

#include "absl/status/statusor.h"
#include "vickrey/config/v1/traffic.pb.h"
#include "vickrey/v1/online_lines.pb.h"

namespace vickrey::simulator {

// Stands in for an ad stack and its users: has a server decide and log the auctions of a market, and reports the clicks
// that the market's truth gives, by the tokens of the answers, after every 4096 auctions. A click in slot k > 1 needs,
// beside the candidate's click, one draw with the slot's multiplier.
//
// What was decided and reported is on the server's disk. The same again, after whatever ended it, does not count twice:
// auctions and reports have the same ids, and as long as the same version decides, the same content.
//
// INVALID_ARGUMENT naming the field; NOT_FOUND for a model that is not there; UNAVAILABLE if the server cannot be
// reached; CANCELLED by a signal. The first auction that is refused or lost ends it.
absl::StatusOr<vickrey::v1::TrafficLine> SendTraffic(const vickrey::config::v1::TrafficConfig& config);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_TRAFFIC_H_
