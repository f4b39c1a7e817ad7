// The intercept that is solved for a mean click probability, on many auctions.
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/market/market.h"

namespace vickrey::market {
namespace {

using vickrey::config::v1::MarketConfig;

MarketConfig ConfigOf(const std::string& scenario) {
  MarketConfig config;
  config.set_scenario(scenario);
  return config;
}

double MeanCtr(const Market& market, int auctions) {
  double sum = 0;
  int64_t rows = 0;
  SyntheticAuction a;
  for (int i = 0; i < auctions; ++i) {
    market.Generate(i, &a);
    for (const double ctr : a.ctrs) sum += ctr;
    rows += a.candidates;
  }
  return sum / static_cast<double>(rows);
}

class Intercept : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Every, Intercept, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const ScenarioInfo& info : ListScenarios()) names.emplace_back(info.name);
                           return names;
                         }()),
                         [](const auto& info) { return info.param; });

// The target mean is hit within 1 % on fresh auctions: a million or two of them, whose own error is some .2 %.
TEST_P(Intercept, IsSolvedForTheMeanClickProbability) {
  for (const double target : {.002, .05, .3}) {
    MarketConfig config = ConfigOf(GetParam());
    config.set_candidates(2);
    config.set_mean_ctr(target);
    const auto market = Market::Create(config, 3).value();
    const int auctions = GetParam() == "interaction"                  ? 400'000
                         : GetParam() == "thin_tower" && target < .01 ? 12'000'000
                                                                      : 1'000'000;
    EXPECT_NEAR(MeanCtr(*market, auctions) / target, 1, .01) << target;
  }
}

// Whatever the number of candidates, and where it varies.
TEST(Market, TheMeanClickProbabilityDoesNotDependOnTheNumberOfCandidates) {
  for (const auto& [scenario, least, most] :
       {std::tuple("brand_queries", 30, 30), std::tuple("brand_queries", 1, 4), std::tuple("brand_queries", 1, 1),
        std::tuple("hash_collisions", 40, 40), std::tuple("linear", 1, 1), std::tuple("thin_tower", 8, 8)}) {
    MarketConfig config = ConfigOf(scenario);
    config.set_candidates(least);
    config.set_max_candidates(most);
    config.set_mean_ctr(.05);
    const auto market = Market::Create(config, 3).value();
    EXPECT_NEAR(MeanCtr(*market, least >= 30 ? 100'000 : 500'000) / .05, 1, .015) << scenario << ' ' << least;
  }
}

}  // namespace
}  // namespace vickrey::market
