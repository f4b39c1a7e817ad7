// One maker for each scenario; scenario.cc has the table. In all of them x_c ~ N(0, I) is shared by an auction, x_a ~
// N(0, I) is an ad's own, e ~ N(0, 1) a candidate's, g ~ N(0, 1) an auction's, and w, w0, w1, a_k, b_k are random unit
// vectors of the seed, w1 orthogonal to w0. u is the logit of the true click probability, b the bid.
#ifndef VICKREY_MARKET_SCENARIOS_H_
#define VICKREY_MARKET_SCENARIOS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/market.pb.h"
#include "vickrey/market/scenario.h"

namespace vickrey::market {

using MadeScenario = absl::StatusOr<std::unique_ptr<const Scenario>>;

// linear_scenarios.cc: one logistic law for all ads.
MadeScenario MakeLinear(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeCorrelatedBids(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeHeavyTail(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeDrift(const vickrey::config::v1::MarketConfig& config, uint64_t seed);

// population_scenarios.cc: ads that are clicked for different reasons, and bid differently.
MadeScenario MakeTwoSegments(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeBrandQueries(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeIntentBids(const vickrey::config::v1::MarketConfig& config, uint64_t seed);

// structure_scenarios.cc: laws that a small student cannot hold.
MadeScenario MakeThinTower(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeHashCollisions(const vickrey::config::v1::MarketConfig& config, uint64_t seed);
MadeScenario MakeInteraction(const vickrey::config::v1::MarketConfig& config, uint64_t seed);

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_SCENARIOS_H_
