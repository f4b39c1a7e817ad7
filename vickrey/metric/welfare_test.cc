#include "vickrey/metric/welfare.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/metric/blocks.h"

namespace vickrey::metric {
namespace {

using auction::Reserve;

// A mechanism with a reserve, the same without, and an accumulator that uses both.
struct Player {
  explicit Player(Reserve reserve)
      : mechanism(auction::MakeMechanism({.reserve = reserve}).value()),
        unreserved(auction::MakeMechanism({}).value()),
        accumulator(mechanism.get(), unreserved.get()) {}
  std::unique_ptr<auction::Mechanism> mechanism, unreserved;
  WelfareAccumulator accumulator;
};

JudgedAuction Judged(const std::vector<auction::Candidate>& candidates, std::vector<double> truth) {
  JudgedAuction judged;
  for (const auto& c : candidates) {
    judged.bids_micros.push_back(c.bid_micros);
    judged.pctrs.push_back(c.pctr);
  }
  judged.values_micros = judged.bids_micros;
  judged.probabilities[0] = std::move(truth);
  return judged;
}

// Worked by hand. Auction 1: worth .2 and .15, the model ranks the second first: regret .05, price 80000 / .05 and a
// micro for the lost tie. Auction 2: one candidate, sold for nothing.
TEST(Welfare, MeansPerAuction) {
  Player s({});
  ASSERT_TRUE(s.accumulator.Add("1", Judged({{2'000'000, .04}, {3'000'000, .05}}, {.1, .05})).ok());
  ASSERT_TRUE(s.accumulator.Add("2", Judged({{1'000'000, .5}}, {.3})).ok());
  const WelfareMetrics m = s.accumulator.Finalize();
  EXPECT_EQ(m.reference, Reference::kTruth);
  EXPECT_DOUBLE_EQ(*m.welfare, (.15 + .3) / 2);
  EXPECT_DOUBLE_EQ(*m.oracle_welfare, (.2 + .3) / 2);
  EXPECT_NEAR(*m.regret, .025, 1e-15);
  EXPECT_DOUBLE_EQ(*m.revenue, 1.600001 * .05 / 2);
  EXPECT_DOUBLE_EQ(*m.surplus, (.15 + .3) / 2 - 1.600001 * .05 / 2);
  EXPECT_NEAR(*m.lost_ranking, .025, 1e-15);
  EXPECT_EQ(*m.lost_reserve, 0);
  EXPECT_EQ(*m.lost_calibration, 0);
  EXPECT_NEAR(*m.misordering, .05 / 2, 1e-15);  // one pair in the wrong order, .2 against .15
}

// One candidate of bid 1 unit, truly clicked with probability .3: worth .3 an impression, 300 per mille.
TEST(Welfare, TakesTheRegretApart) {
  const auto lost = [](int64_t mille_micros, double pctr) {
    Player s({Reserve::Kind::kMille, mille_micros});
    EXPECT_TRUE(s.accumulator.Add("1", Judged({{1'000'000, pctr}}, {.3})).ok());
    return s.accumulator.Finalize();
  };
  EXPECT_DOUBLE_EQ(*lost(400'000'000, .3).lost_reserve, .3);  // not worth the reserve
  EXPECT_EQ(*lost(400'000'000, .3).lost_calibration, 0);
  EXPECT_EQ(*lost(200'000'000, .1).lost_reserve, 0);  // worth it, but thought not to be
  EXPECT_DOUBLE_EQ(*lost(200'000'000, .1).lost_calibration, .3);
  EXPECT_DOUBLE_EQ(*lost(400'000'000, .5).lost_calibration, -.3);  // sold by mistake: the reserve was dodged
  EXPECT_DOUBLE_EQ(*lost(400'000'000, .5).lost_reserve, .3);
}

TEST(Welfare, TheReferenceIsTheBestKnownOfEveryAuction) {
  const std::vector<auction::Candidate> two = {{1'000'000, .5}, {1'000'000, .4}};
  JudgedAuction full = Judged(two, {.1, .2});
  full.probabilities[1] = {.2, .1};
  full.probabilities[2] = {1, 0};
  JudgedAuction clicks_only = Judged(two, {});
  clicks_only.probabilities[2] = {0, 1};
  Player s({});
  ASSERT_TRUE(s.accumulator.Add("1", full).ok());
  EXPECT_EQ(s.accumulator.Finalize().reference, Reference::kTruth);
  ASSERT_TRUE(s.accumulator.Add("2", clicks_only).ok());
  const WelfareMetrics m = s.accumulator.Finalize();
  EXPECT_EQ(m.reference, Reference::kClicks);
  EXPECT_DOUBLE_EQ(*m.welfare, .5);
  EXPECT_FALSE(m.oracle_welfare.has_value());  // it would be hindsight
  EXPECT_FALSE(m.regret.has_value());
  EXPECT_FALSE(m.misordering.has_value());
  ASSERT_TRUE(s.accumulator.Add("3", Judged(two, {})).ok());
  EXPECT_FALSE(s.accumulator.Finalize().reference.has_value());
}

TEST(Welfare, WithoutPredictionsOnlyTheOracleIsKnown) {
  JudgedAuction judged = Judged({{1'000'000, 0}}, {.3});
  judged.has_pctr = false;
  Player s({});
  ASSERT_TRUE(s.accumulator.Add("1", judged).ok());
  EXPECT_DOUBLE_EQ(*s.accumulator.Finalize().oracle_welfare, .3);
  EXPECT_FALSE(s.accumulator.Finalize().welfare.has_value());
}

TEST(Welfare, ABadAuctionIsNotAdded) {
  Player s({});
  EXPECT_EQ(base::FieldOf(s.accumulator.Add("1", Judged({{1, NAN}}, {.3}))), "candidates[0].pctr");
  EXPECT_FALSE(s.accumulator.Finalize().reference.has_value());
}

// On random auctions: regret is never negative without a reserve, never more than the misordering, and the sum of
// its parts.
TEST(Welfare, RegretIsBoundedByMisorderingAndTheSumOfItsParts) {
  for (uint64_t i = 0; i < 5000; ++i) {
    base::RandomStream random(3, base::StreamId("welfare_test"), i);
    std::vector<auction::Candidate> candidates(1 + random.Below(8));
    std::vector<double> truth;
    for (auto& c : candidates) {
      c = {1 + static_cast<int64_t>(random.Below(5'000'000)), random.Uniform()};
      truth.push_back(random.Uniform());
    }
    const Reserve reserve = i % 2 == 0 ? Reserve{}
                                       : Reserve{i % 4 == 1 ? Reserve::Kind::kClick : Reserve::Kind::kMille,
                                                 1 + static_cast<int64_t>(random.Below(2'000'000'000))};
    Player s(reserve);
    ASSERT_TRUE(s.accumulator.Add("a", Judged(candidates, truth)).ok());
    const WelfareMetrics m = s.accumulator.Finalize();
    EXPECT_NEAR(*m.regret, *m.lost_ranking + *m.lost_reserve + *m.lost_calibration, 1e-12);
    EXPECT_GE(*m.regret, 0);
    if (reserve.kind == Reserve::Kind::kNone) {
      EXPECT_LE(*m.regret, *m.misordering + 1e-12);
    }
  }
}

}  // namespace
}  // namespace vickrey::metric
