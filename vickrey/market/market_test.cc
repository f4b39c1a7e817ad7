#include "vickrey/market/market.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/schema.h"
#include "vickrey/market/alias.h"
#include "vickrey/market/logit_distribution.h"

namespace vickrey::market {
namespace {

using ::testing::HasSubstr;
using vickrey::config::v1::MarketConfig;
using vickrey::v1::FeatureField;

MarketConfig ConfigOf(const std::string& scenario) {
  MarketConfig config;
  config.set_scenario(scenario);
  return config;
}

std::unique_ptr<Market> Make(const std::string& scenario, uint64_t seed = 1) {
  return Market::Create(ConfigOf(scenario), seed).value();
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const ScenarioInfo& info : ListScenarios()) names.emplace_back(info.name);
  return names;
}

std::string LineOf(const Market& market, int64_t index) { return base::ToJson(market.GenerateLine(index)); }

class EveryScenario : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Scenarios, EveryScenario, testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST_P(EveryScenario, AnAuctionDependsOnSeedAndIndexOnly) {
  MarketConfig config = ConfigOf(GetParam());
  config.set_max_candidates(11);
  config.mutable_extra()->set_dense(2);
  config.mutable_extra()->set_categorical(2);
  const auto market = Market::Create(config, 1).value();
  const std::string late = LineOf(*market, 12'345);
  SyntheticAuction reused;
  for (int i = 0; i < 20; ++i) market->Generate(i, &reused);
  market->Generate(12'345, &reused);
  EXPECT_EQ(base::ToJson(market->ToLine(reused)), late);
  EXPECT_EQ(LineOf(*Market::Create(config, 1).value(), 12'345), late);
  EXPECT_NE(LineOf(*Market::Create(config, 2).value(), 12'345), late);
  EXPECT_NE(LineOf(*market, 12'346), late);
}

// What a line holds is all that the truth is made of, and its schema reads it.
TEST_P(EveryScenario, LinesFitTheSchema) {
  MarketConfig config = ConfigOf(GetParam());
  config.mutable_extra()->set_dense(1);
  config.mutable_extra()->set_categorical(2);
  config.mutable_extra()->set_cardinality(5);
  for (const bool extra : {false, true}) {
    const auto market = extra ? Market::Create(config, 5).value() : Make(GetParam(), 5);
    SyntheticAuction auction;
    market->Generate(9, &auction);
    vickrey::v1::AuctionLine line;
    ASSERT_TRUE(base::FromJson(base::ToJson(market->ToLine(auction)), &line).ok());
    EXPECT_EQ(line.auction_id(), GetParam() + "-5-9");
    EXPECT_EQ(line.event_time(), 1704067200000000 + 9'000'000);
    EXPECT_EQ(line.schema_id(), market->schema().schema_id());
    const auto schema = features::Schema::Create(market->schema()).value();
    ASSERT_EQ(line.candidates_size(), auction.candidates);
    EXPECT_EQ(line.context().fields().at("c2").number_value(), auction.context[2]);
    vickrey::v1::EncodedFeatures encoded;
    EXPECT_TRUE(features::Encode(*schema, FeatureField::CONTEXT, line.context(), "context", &encoded).ok());
    for (const auto& candidate : line.candidates()) {
      const absl::Status read = features::Encode(*schema, FeatureField::AD, candidate.features(), "ad", &encoded);
      EXPECT_TRUE(read.ok()) << read;
      EXPECT_EQ(candidate.features().fields_size(),
                schema->counts(FeatureField::AD).dense + schema->counts(FeatureField::AD).categorical);
      for (const auto& [name, value] : candidate.features().fields()) {
        if (!value.has_number_value()) continue;
        EXPECT_EQ(std::round(value.number_value() * 1e4) / 1e4, value.number_value()) << name;  // four decimals
      }
    }
    EXPECT_EQ(line.candidates(3).ctr(), auction.ctrs[3]);
  }
}

// Means over many auctions, from `first` on.
struct Moments {
  double ctr = 0, clicks = 0, logit = 0, logit_squares = 0, log_bid = 0, log_bid_squares = 0, product = 0, segment = 0;
  int64_t rows = 0;

  double BidDeviation() const { return std::sqrt(log_bid_squares - log_bid * log_bid); }
  double Correlation() const {
    return (product - logit * log_bid) / std::sqrt(logit_squares - logit * logit) / BidDeviation();
  }
};

Moments MomentsOf(const Market& market, int auctions, int64_t first = 0) {
  Moments m;
  SyntheticAuction a;
  for (int i = 0; i < auctions; ++i) {
    market.Generate(first + i, &a);
    for (int j = 0; j < a.candidates; ++j) {
      const double log_bid = std::log(static_cast<double>(a.bids_micros[j]) / 1e6);
      m.ctr += a.ctrs[j];
      m.clicks += a.clicks[j];
      m.logit += a.logits[j];
      m.logit_squares += a.logits[j] * a.logits[j];
      m.log_bid += log_bid;
      m.log_bid_squares += log_bid * log_bid;
      m.product += a.logits[j] * log_bid;
      m.segment += a.segments[j];
    }
    m.rows += a.candidates;
  }
  for (double* sum :
       {&m.ctr, &m.clicks, &m.logit, &m.logit_squares, &m.log_bid, &m.log_bid_squares, &m.product, &m.segment}) {
    *sum /= static_cast<double>(m.rows);
  }
  return m;
}

// The moments that the formulas imply; bounds are about five standard errors of 160,000 rows (20,000 auctions).
TEST(Market, MomentsAreThoseOfTheFormulas) {
  const Moments linear = MomentsOf(*Make("linear"), 20'000);
  EXPECT_NEAR(linear.clicks, linear.ctr, .003);
  EXPECT_NEAR(linear.logit_squares, .36 + 1, .04);
  EXPECT_NEAR(linear.log_bid, 0, .01);
  EXPECT_NEAR(linear.BidDeviation(), .7, .01);
  EXPECT_NEAR(linear.Correlation(), 0, .015);
  // E sigmoid(-3.6 + N(0, .6^2 + 1)), integrated numerically with scipy.integrate.quad.
  EXPECT_NEAR(linear.ctr, .046374, .002);

  const Moments two = MomentsOf(*Make("two_segments"), 20'000);
  EXPECT_NEAR(two.segment, .2, .006);
  EXPECT_NEAR(two.log_bid, 1.5 * .2, .04);  // tier varies by auction only
  EXPECT_NEAR(two.log_bid_squares, 1.5 * 1.5 * .2 + .25 + 1, .08);
  EXPECT_NEAR(two.logit_squares, .36 + 1.44, .05);

  const Moments intent = MomentsOf(*Make("intent_bids"), 20'000);
  EXPECT_NEAR(intent.BidDeviation(), std::sqrt(.64 + .25), .015);
  EXPECT_NEAR(intent.logit_squares, .36 + 1, .04);  // cos^2 + sin^2 = 1

  const Moments tower = MomentsOf(*Make("thin_tower"), 20'000);
  EXPECT_NEAR(tower.BidDeviation(), .7, .01);
  EXPECT_NEAR(tower.clicks, tower.ctr, .003);

  const Moments interaction = MomentsOf(*Make("interaction"), 20'000);
  EXPECT_NEAR(interaction.BidDeviation(), 1, .015);
  EXPECT_NEAR(interaction.clicks, interaction.ctr, .003);
}

// The marginal variance of thin_tower's logit over many markets: 1 + .25 + 6 (1/6) E[(a.x)^2] E[(b.x)^2] = 2.25.
TEST(ThinTower, HasTheVarianceOfTheFormula) {
  double sum = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) sum += MomentsOf(*Make("thin_tower", seed), 500).logit_squares / 100;
  EXPECT_NEAR(sum, 2.25, .1);
}

// The mean of u x_c x_a is the matrix 6^-.5 sum_{k<6} a_k b_k', of rank six: after six steps of elimination, each with
// the greatest entry that is left, nothing is left but the error of the mean, some .001.
TEST(ThinTower, HasTheRankOfTheFormula) {
  const auto market = Make("thin_tower", 6);
  std::array<std::array<double, 8>, 8> m = {};
  SyntheticAuction a;
  constexpr int kAuctions = 200'000;
  for (int i = 0; i < kAuctions; ++i) {
    market->Generate(i, &a);
    for (int j = 0; j < 8; ++j) {
      for (int c = 0; c < 8; ++c) {
        for (int d = 0; d < 8; ++d) m[c][d] += a.logits[j] * a.context[c] * a.dense[j * 8 + d] / (8.0 * kAuctions);
      }
    }
  }
  std::vector<double> pivots;
  for (int step = 0; step < 8; ++step) {
    int row = 0, column = 0;
    for (int c = 0; c < 8; ++c) {
      for (int d = 0; d < 8; ++d) {
        if (std::abs(m[c][d]) > std::abs(m[row][column])) row = c, column = d;
      }
    }
    const auto pivot_row = m[row];
    pivots.push_back(std::abs(pivot_row[column]));
    for (auto& other : m) {
      const double factor = other[column] / pivot_row[column];
      for (int d = 0; d < 8; ++d) other[d] -= factor * pivot_row[d];
    }
  }
  EXPECT_GT(pivots[5], .03);
  EXPECT_LT(pivots[6], .015);
}

TEST(BrandQueries, ThreeOfTenAuctionsHaveABrandWhichIsFirst) {
  const auto market = Make("brand_queries");
  SyntheticAuction a;
  double brands = 0, brand_logit = 0, other_logit = 0;
  constexpr int kAuctions = 20'000;
  for (int i = 0; i < kAuctions; ++i) {
    market->Generate(i, &a);
    EXPECT_EQ(std::count(a.segments.begin() + 1, a.segments.end(), 1), 0);
    brands += a.segments[0];
    brand_logit += a.segments[0] == 1 ? a.logits[0] : 0;
    other_logit += a.logits[1];
  }
  EXPECT_NEAR(brands / kAuctions, .3, .016);
  EXPECT_NEAR(brand_logit / brands, 3, .12);  // -.8 against -3.8
  EXPECT_NEAR(other_logit / kAuctions, 0, .05);
}

TEST(CorrelatedBids, HaveTheCorrelation) {
  for (const double rho : {-.9, -.3, 0.0, .7}) {
    MarketConfig config = ConfigOf("correlated_bids");
    config.set_correlation(rho);
    const Moments m = MomentsOf(*Market::Create(config, 2).value(), 40'000);
    EXPECT_NEAR(m.Correlation(), rho, .015);
    EXPECT_NEAR(m.BidDeviation(), .7, .01);
  }
  EXPECT_NEAR(MomentsOf(*Make("correlated_bids"), 40'000).Correlation(), .7, .015);
}

// P(b > t) = (t0 / t)^alpha, of median 1.
TEST(HeavyTail, BidsArePareto) {
  for (const double alpha : {1.5, 3.0}) {
    MarketConfig config = ConfigOf("heavy_tail");
    config.set_pareto_shape(alpha);
    const auto market = Market::Create(config, 2).value();
    SyntheticAuction a;
    std::map<double, int> above = {{.99 * std::pow(2, -1 / alpha), 0}, {1, 0}, {2, 0}, {10, 0}};
    constexpr int kRows = 160'000;
    for (int i = 0; i < kRows / 8; ++i) {
      market->Generate(i, &a);
      for (const int64_t bid : a.bids_micros) {
        for (auto& [t, count] : above) count += static_cast<double>(bid) / 1e6 > t;
      }
    }
    for (const auto& [t, count] : above) {
      const double p = std::min(1.0, std::pow(t * std::pow(2, 1 / alpha), -alpha));
      EXPECT_NEAR(count, kRows * p, 5 * std::sqrt(kRows * p * (1 - p)) + 1e-9) << t;
    }
  }
}

// The weights of the ads, by least squares on logits: they turn with the index, and come round after a period.
TEST(Drift, WeightsTurn) {
  MarketConfig config = ConfigOf("drift");
  config.set_drift_period(1'000'000'000);
  const auto market = Market::Create(config, 2).value();
  // The mean of logit x is w, since features are independent and of variance 1; auctions near an index share a w.
  const auto weights = [&](int64_t first) {
    std::array<double, 8> w = {};
    SyntheticAuction a;
    constexpr int kAuctions = 40'000;
    for (int i = 0; i < kAuctions; ++i) {
      market->Generate(first + i, &a);
      for (int j = 0; j < 8; ++j) {
        for (int d = 0; d < 8; ++d) w[d] += a.logits[j] * a.dense[j * 8 + d] / (8.0 * kAuctions);
      }
    }
    return w;
  };
  const auto dot = [](const auto& a, const auto& b) {
    double sum = 0;
    for (int d = 0; d < 8; ++d) sum += a[d] * b[d];
    return sum;
  };
  const auto start = weights(0);
  EXPECT_NEAR(dot(start, start), 1, .03);
  EXPECT_NEAR(dot(start, weights(125'000'000)), std::sqrt(.5), .03);
  EXPECT_NEAR(dot(start, weights(250'000'000)), 0, .03);
  EXPECT_NEAR(dot(start, weights(500'000'000)), -1, .03);
  EXPECT_NEAR(dot(start, weights(1'000'000'000)), 1, .03);
}

TEST(HashCollisions, TrafficFollowsTheRank) {
  MarketConfig config = ConfigOf("hash_collisions");
  config.set_candidates(1);
  const auto market = Market::Create(config, 2).value();
  SyntheticAuction a;
  std::vector<double> seen(2000);
  constexpr int kAuctions = 400'000;
  std::map<int32_t, std::set<double>> bids;
  for (int i = 0; i < kAuctions; ++i) {
    market->Generate(i, &a);
    ++seen[a.ads[0]];
  }
  double total = 0;
  for (int rank = 0; rank < 2000; ++rank) total += 1.0 / (rank + 10);
  double chi_square = 0;
  for (int rank = 0; rank < 2000; ++rank) {
    const double expected = kAuctions / (rank + 10.0) / total;
    chi_square += (seen[rank] - expected) * (seen[rank] - expected) / expected;
  }
  EXPECT_NEAR(chi_square, 1999, 5 * std::sqrt(2 * 1999.0));  // its mean and five standard deviations
}

TEST(HashCollisions, NoAdComesTwiceAndEachKeepsItsName) {
  MarketConfig config = ConfigOf("hash_collisions");
  config.set_ads(16);
  const auto market = Market::Create(config, 2).value();
  SyntheticAuction a;
  for (int i = 0; i < 1000; ++i) {
    market->Generate(i, &a);
    EXPECT_EQ(std::set<int32_t>(a.ads.begin(), a.ads.end()).size(), 8u);
  }
  const auto line = market->ToLine(a);
  EXPECT_EQ(line.candidates(0).ad_id(), "ad" + std::to_string(a.ads[0]));
  EXPECT_EQ(line.candidates(0).features().fields().at("ad").string_value(), line.candidates(0).ad_id());
  config.set_candidates(9);
  EXPECT_EQ(base::FieldOf(Market::Create(config, 2).status()), "ads");
}

// In `linear` the logit is linear in the features: of two auctions with the same seed, differences of logits are w0.(x
// - x') plus the context's, so least squares on eleven candidates predicts a twelfth. Here by the orthogonality of
// features.
TEST(Linear, TheLogitIsTheDotProduct) {
  const auto market = Make("linear", 7);
  SyntheticAuction a;
  std::array<double, 8> w = {};
  constexpr int kAuctions = 100'000;
  for (int i = 0; i < kAuctions; ++i) {
    market->Generate(i, &a);
    for (int j = 0; j < 8; ++j) {
      for (int d = 0; d < 8; ++d) w[d] += a.logits[j] * a.dense[j * 8 + d] / (8.0 * kAuctions);
    }
  }
  double residual = 0;
  market->Generate(kAuctions, &a);
  for (int j = 1; j < 8; ++j) {  // the context's part is the same for all
    double predicted = 0;
    for (int d = 0; d < 8; ++d) predicted += w[d] * (a.dense[j * 8 + d] - a.dense[d]);
    residual = std::max(residual, std::abs(a.logits[j] - a.logits[0] - predicted));
  }
  EXPECT_LT(residual, .05);
}

// Of the scenarios whose logits are a mixture of normal numbers, against the root of the mean sigmoid, both found in
// Python: the rectangle rule on 801 points of 9 deviations, and bisection. intercept_test.cc holds the rest.
TEST(Market, TheInterceptIsTheRoot) {
  const auto intercept = [](MarketConfig config, double mean_ctr) {
    config.set_mean_ctr(mean_ctr);
    return Market::Create(config, 1).value()->intercept();
  };
  for (const char* name : {"linear", "intent_bids", "correlated_bids", "heavy_tail", "drift"}) {
    EXPECT_NEAR(intercept(ConfigOf(name), .002), -6.886945, 2e-5) << name;
    EXPECT_NEAR(intercept(ConfigOf(name), .05), -3.514140, 2e-5) << name;
    EXPECT_NEAR(intercept(ConfigOf(name), .3), -1.070737, 2e-5) << name;
  }
  EXPECT_NEAR(intercept(ConfigOf("two_segments"), .05), -3.681195, 2e-5);
  MarketConfig brands = ConfigOf("brand_queries");
  EXPECT_NEAR(intercept(brands, .05), -3.828466, 2e-5);
  brands.set_candidates(1);
  EXPECT_NEAR(intercept(brands, .002), -9.316174, 2e-5);
  brands.set_max_candidates(4);  // 2.5 on average
  EXPECT_NEAR(intercept(brands, .3), -1.452256, 2e-5);
  MarketConfig more = ConfigOf("linear");
  more.mutable_extra()->set_dense(3);
  more.mutable_extra()->set_effect(2);
  EXPECT_NEAR(intercept(more, .05), -4.823160, 2e-5);
  EXPECT_EQ(Make("linear")->intercept(), -3.6);
  EXPECT_EQ(Make("thin_tower")->intercept(), -3.9);
}

// Of a law far wider than a sigmoid: .2639396 for N(-9, 200), by 20,001 points in Python.
TEST(LogitDistribution, HoldsWideLaws) {
  LogitDistribution logits;
  logits.Add({-10, 200, 3});
  const auto at_one = logits.MeanSigmoid(1);
  EXPECT_NEAR(at_one.mean, .2639396, 2e-3);
  logits.Add({-10, 200, 0});  // of no weight
  EXPECT_EQ(logits.MeanSigmoid(1).mean, at_one.mean);
  LogitDistribution two;
  two.Add({0, 0, 1});
  two.Add({std::log(3.0), 0, 3});
  EXPECT_NEAR(two.MeanSigmoid(0).mean, (.5 + 3 * .75) / 4, 1e-12);
  EXPECT_NEAR(two.MeanSigmoid(0).slope, (.25 + 3 * .1875) / 4, 1e-12);
}

TEST(Market, TheNumberOfCandidatesIsUniform) {
  MarketConfig config = ConfigOf("linear");
  config.set_candidates(3);
  config.set_max_candidates(6);
  const auto market = Market::Create(config, 1).value();
  SyntheticAuction a;
  std::map<int, int> sizes;
  for (int i = 0; i < 40'000; ++i) {
    market->Generate(i, &a);
    ++sizes[a.candidates];
    ASSERT_EQ(a.ctrs.size(), static_cast<size_t>(a.candidates));
  }
  ASSERT_EQ(sizes.size(), 4u);
  for (const auto& [size, count] : sizes) EXPECT_NEAR(count, 10'000, 450) << size;
}

TEST(Extra, ZipfAndEffect) {
  MarketConfig config = ConfigOf("linear");
  auto& extra = *config.mutable_extra();
  extra.set_dense(3);
  extra.set_categorical(2);
  extra.set_cardinality(50);
  extra.set_zipf_exponent(1.2);
  extra.set_effect(2);
  const auto market = Market::Create(config, 1).value();
  SyntheticAuction a;
  std::vector<double> seen(50);
  constexpr int kAuctions = 50'000;
  for (int i = 0; i < kAuctions; ++i) {
    market->Generate(i, &a);
    ASSERT_EQ(a.dense.size(), 8u * 11);
    ASSERT_EQ(a.categories.size(), 8u * 2);
    for (const int32_t value : a.categories) ++seen[value];
  }
  double total = 0, chi_square = 0;
  for (int k = 0; k < 50; ++k) total += std::pow(k + 1, -1.2);
  for (int k = 0; k < 50; ++k) {
    const double expected = 16.0 * kAuctions * std::pow(k + 1, -1.2) / total;
    chi_square += (seen[k] - expected) * (seen[k] - expected) / expected;
  }
  EXPECT_NEAR(chi_square, 49, 5 * std::sqrt(98.0));
  // Over many markets they add a variance of effect^2, half of it from each kind.
  double variance = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Moments m = MomentsOf(*Market::Create(config, seed).value(), 300);
    variance += (m.logit_squares - 1.36) / 200;
  }
  EXPECT_NEAR(variance, 4, .5);
  // Without an effect the truth is the scenario's.
  extra.set_effect(0);
  EXPECT_NEAR(MomentsOf(*Market::Create(config, 1).value(), 20'000).logit_squares, 1.36, .04);
}

TEST(AliasTable, DrawsInProportion) {
  const AliasTable table({1, 0, 3, 6});
  base::RandomStream random(1, base::StreamId("alias_test"), 0);
  std::array<int, 4> seen = {};
  for (int i = 0; i < 100'000; ++i) ++seen[table.Draw(random)];
  EXPECT_NEAR(seen[0], 10'000, 500);
  EXPECT_EQ(seen[1], 0);
  EXPECT_NEAR(seen[2], 30'000, 750);
  const AliasTable one({5});
  EXPECT_EQ(one.Draw(random), 0);
}

TEST(Market, RefusesByName) {
  const auto field = [](const MarketConfig& config) {
    return base::FieldOf(Market::Create(config, 1).status()).value_or("none");
  };
  EXPECT_EQ(field(MarketConfig()), "scenario");
  EXPECT_EQ(field(ConfigOf("lunar")), "scenario");
  MarketConfig config = ConfigOf("linear");
  config.set_candidates(0);
  EXPECT_EQ(field(config), "candidates");
  config.set_candidates(5);
  config.set_max_candidates(4);
  EXPECT_EQ(field(config), "max_candidates");
  config.set_max_candidates(5);
  EXPECT_EQ(field(config), "none");
  config.set_correlation(.5);
  EXPECT_EQ(field(config), "correlation");
  EXPECT_THAT(std::string(Market::Create(config, 1).status().message()),
              HasSubstr("belongs to the scenario 'correlated_bids', and this is 'linear'"));
  config = ConfigOf("correlated_bids");
  config.set_correlation(1);
  EXPECT_EQ(field(config), "correlation");
  config = ConfigOf("drift");
  config.set_pareto_shape(2);
  EXPECT_EQ(field(config), "pareto_shape");
  config = ConfigOf("heavy_tail");
  config.set_pareto_shape(1);
  EXPECT_EQ(field(config), "pareto_shape");
  config = ConfigOf("linear");
  config.mutable_extra()->set_categorical(1000);
  config.mutable_extra()->set_cardinality(1'000'000);
  EXPECT_EQ(field(config), "extra.cardinality");
}

TEST(Market, TheConfigurationAllowsEveryScenario) {
  EXPECT_EQ(Names().size(), 10u);
  for (const std::string& name : Names()) EXPECT_NE(Make(name), nullptr);
}

}  // namespace
}  // namespace vickrey::market
