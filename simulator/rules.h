#ifndef SIMULATOR_RULES_H_
#define SIMULATOR_RULES_H_

#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::simulator {

// The rules that a configuration has auctions played by.
vickrey::v1::AuctionRules RulesOf(const vickrey::config::v1::SimulateConfig& config);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_RULES_H_
