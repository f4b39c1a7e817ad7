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

// The target mean is hit within 1 % on fresh auctions, so many that their own error is some .2 %.
TEST_P(Intercept, IsSolvedForTheMeanClickProbability) {
  for (const double target : {.002, .05, .3}) {
    MarketConfig config = ConfigOf(GetParam());
    config.set_candidates(2);
    config.set_mean_ctr(target);
    int auctions = GetParam() == "interaction" ? 400'000 : 1'000'000;
    if (GetParam() == "thin_tower" && target < .01) {  // few auctions have most of the clicks
      config.set_candidates(8);
      auctions = 3'000'000;
    }
    const auto market = Market::Create(config, 3).value();
    EXPECT_NEAR(MeanCtr(*market, auctions) / target, 1, .01) << target;
  }
}

// Whatever the features beside the scenario's own: of 40 names, 16 are drawn to solve for it and 24 are taken as
// normal.
TEST(Market, TheMeanClickProbabilityIsThatOfExtraFeaturesToo) {
  for (const auto& [scenario, dense, categorical, effect] :
       {std::tuple("linear", 8, 8, .5), std::tuple("brand_queries", 0, 8, 1.0),
        std::tuple("hash_collisions", 2, 0, 1.0), std::tuple("two_segments", 20, 40, 3.0),
        std::tuple("linear", 1, 1, 10.0)}) {
    MarketConfig config = ConfigOf(scenario);
    config.set_candidates(2);
    config.set_mean_ctr(.05);
    config.mutable_extra()->set_dense(dense);
    config.mutable_extra()->set_categorical(categorical);
    config.mutable_extra()->set_effect(effect);
    const auto market = Market::Create(config, 3).value();
    EXPECT_NEAR(MeanCtr(*market, 500'000) / .05, 1, .015) << scenario << ' ' << effect;
  }
}

// Whatever the number of candidates, and where it varies. In an auction of a thousand ads all share a context, of which
// it takes many.
TEST(Market, TheMeanClickProbabilityDoesNotDependOnTheNumberOfCandidates) {
  for (const auto& [scenario, least, most] :
       {std::tuple("brand_queries", 30, 30), std::tuple("brand_queries", 1, 4), std::tuple("brand_queries", 1, 1),
        std::tuple("hash_collisions", 40, 40), std::tuple("hash_collisions", 1000, 1000), std::tuple("linear", 1, 1),
        std::tuple("thin_tower", 8, 8)}) {
    MarketConfig config = ConfigOf(scenario);
    config.set_candidates(least);
    config.set_max_candidates(most);
    config.set_mean_ctr(.05);
    const auto market = Market::Create(config, 3).value();
    const int auctions = least >= 1000 ? 40'000 : least >= 30 ? 100'000 : 500'000;
    EXPECT_NEAR(MeanCtr(*market, auctions) / .05, 1, .015) << scenario << ' ' << least;
  }
}

}  // namespace
}  // namespace vickrey::market
