#include "vickrey/market/market.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/schema.h"

namespace vickrey::market {
namespace {

using ::testing::HasSubstr;
using vickrey::config::v1::MarketConfig;
using vickrey::v1::FeatureField;

std::unique_ptr<Market> Make(const std::string& scenario, uint64_t seed = 1, double mean_ctr = 0) {
  MarketConfig config;
  config.set_scenario(scenario);
  if (mean_ctr > 0) config.set_mean_ctr(mean_ctr);
  return Market::Create(config, seed).value();
}

std::string LineOf(const Market& market, int64_t index) { return base::ToJson(market.ToLine(market.Generate(index))); }

TEST(Market, AnAuctionDependsOnSeedAndIndexOnly) {
  for (const ScenarioInfo& info : ListScenarios()) {
    const auto market = Make(std::string(info.name));
    const std::string late = LineOf(*market, 12'345);
    for (int i = 0; i < 10; ++i) LineOf(*market, i);
    EXPECT_EQ(LineOf(*market, 12'345), late);
    EXPECT_EQ(LineOf(*Make(std::string(info.name)), 12'345), late);
    EXPECT_NE(LineOf(*Make(std::string(info.name), 2), 12'345), late);
    EXPECT_NE(LineOf(*market, 12'346), late);
  }
}

struct Moments {
  double ctr = 0, clicks = 0, log_bid = 0, log_bid_squares = 0, segment = 0;
};

Moments MomentsOf(const Market& market, int auctions) {
  Moments m;
  int64_t rows = 0;
  for (int i = 0; i < auctions; ++i) {
    for (const SyntheticCandidate& c : market.Generate(i).candidates) {
      const double log_bid = std::log(static_cast<double>(c.bid_micros) / 1e6);
      m.ctr += c.ctr;
      m.clicks += c.click;
      m.log_bid += log_bid;
      m.log_bid_squares += log_bid * log_bid;
      m.segment += c.segment;
      ++rows;
    }
  }
  for (double* sum : {&m.ctr, &m.clicks, &m.log_bid, &m.log_bid_squares, &m.segment}) *sum /= static_cast<double>(rows);
  return m;
}

// The moments that the formulas imply; bounds are about five standard errors of 160,000 rows (20,000 auctions).
TEST(Market, MomentsAreThoseOfTheFormulas) {
  const Moments linear = MomentsOf(*Make("linear"), 20'000);
  EXPECT_NEAR(linear.clicks, linear.ctr, 0.003);
  EXPECT_NEAR(linear.log_bid, 0, 0.01);
  EXPECT_NEAR(std::sqrt(linear.log_bid_squares), 0.7, 0.01);
  // E sigmoid(-3.6 + N(0, .6^2 + 1)), integrated numerically with scipy.integrate.quad.
  EXPECT_NEAR(linear.ctr, 0.046374, 0.002);

  const Moments two = MomentsOf(*Make("two_segments"), 20'000);
  EXPECT_NEAR(two.segment, 0.2, 0.006);
  EXPECT_NEAR(two.log_bid, 1.5 * 0.2, 0.04);  // tier varies by auction only
  EXPECT_NEAR(two.log_bid_squares, 1.5 * 1.5 * 0.2 + 0.25 + 1, 0.08);

  const Moments interaction = MomentsOf(*Make("interaction"), 20'000);
  EXPECT_NEAR(std::sqrt(interaction.log_bid_squares), 1, 0.015);
  EXPECT_NEAR(interaction.clicks, interaction.ctr, 0.003);
}

TEST(Market, TheInterceptIsSolvedForTheMeanClickProbability) {
  for (const char* scenario : {"linear", "two_segments", "interaction"}) {
    EXPECT_NEAR(MomentsOf(*Make(scenario, 3, 0.1), 20'000).ctr, 0.1, 0.004) << scenario;
  }
}

// In `linear` the logit is linear in the features: two auctions' ads with the same context differ by w0.(x - x') only,
// so a third on the line between them has the logit in between.
TEST(Market, LinearIsLinear) {
  const auto scenario = MakeScenario("linear", 7).value();
  const Context context = {1, -1, .5, 2};
  SyntheticCandidate a{.x = {1, 2, 3, 4, 5, 6, 7, 8}}, b{.x = {-1, 0, 2, .1, 3, -4, 1, 1}}, middle;
  for (int i = 0; i < kAdWidth; ++i) middle.x[i] = (a.x[i] + b.x[i]) / 2;
  const auto logit = [&](const SyntheticCandidate& c) { return scenario->Evaluate(context, c, 0).logit; };
  EXPECT_NEAR(logit(middle), (logit(a) + logit(b)) / 2, 1e-12);
}

TEST(Market, SegmentsPointInOrthogonalDirections) {
  const auto scenario = MakeScenario("two_segments", 7).value();
  double along = 0, length0 = 0, length1 = 0;
  for (int i = 0; i < kAdWidth; ++i) {
    SyntheticCandidate unit{};
    unit.x[i] = 1;
    const double w0 = scenario->Evaluate({}, unit, 0).logit;
    unit.segment = true;
    const double w1 = scenario->Evaluate({}, unit, 0).logit;
    along += w0 * w1;
    length0 += w0 * w0;
    length1 += w1 * w1;
  }
  EXPECT_NEAR(along, 0, 1e-12);
  EXPECT_NEAR(length0, 1.44, 1e-12);
  EXPECT_NEAR(length1, 1.44, 1e-12);
}

TEST(Market, LinesHoldTheFeaturesThatTheTruthIsMadeOf) {
  const auto market = Make("interaction", 5);
  const SyntheticAuction auction = market->Generate(9);
  vickrey::v1::AuctionLine line;
  ASSERT_TRUE(base::FromJson(base::ToJson(market->ToLine(auction)), &line).ok());
  EXPECT_EQ(line.auction_id(), "interaction-5-9");
  EXPECT_EQ(line.event_time(), 1704067200000000 + 9'000'000);
  ASSERT_EQ(line.candidates_size(), 8);
  EXPECT_EQ(line.context().fields().at("c2").number_value(), auction.x[2]);
  EXPECT_EQ(line.candidates(3).features().fields().at("a7").number_value(), auction.candidates[3].x[7]);
  EXPECT_EQ(line.candidates(3).ctr(), auction.candidates[3].ctr);
  const auto schema = features::Schema::Preset("synthetic").value();
  vickrey::v1::EncodedFeatures encoded;
  EXPECT_TRUE(features::Encode(*schema, FeatureField::CONTEXT, line.context(), "context", &encoded).ok());
  EXPECT_TRUE(features::Encode(*schema, FeatureField::AD, line.candidates(0).features(), "ad", &encoded).ok());
}

TEST(Market, RefusesByName) {
  MarketConfig config;
  EXPECT_EQ(base::FieldOf(Market::Create(config, 1).status()), "scenario");
  config.set_scenario("lunar");
  EXPECT_THAT(std::string(Market::Create(config, 1).status().message()),
              HasSubstr("one of linear, two_segments, interaction"));
  config.set_scenario("linear");
  config.set_candidates(0);
  EXPECT_EQ(base::FieldOf(Market::Create(config, 1).status()), "candidates");
}

TEST(Market, TheConfigurationAllowsEveryScenario) {
  for (const ScenarioInfo& info : ListScenarios()) EXPECT_NE(Make(std::string(info.name)), nullptr);
}

}  // namespace
}  // namespace vickrey::market
