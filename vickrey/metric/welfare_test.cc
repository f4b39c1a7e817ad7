#include "vickrey/metric/welfare.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/metric/misordering.h"

namespace vickrey::metric {
namespace {

using auction::Reserve;

// A mechanism with a reserve, the same without, and an accumulator that uses both.
struct Player {
  explicit Player(Reserve reserve) : Player(auction::Rules{.reserve = reserve}) {}
  explicit Player(auction::Rules rules)
      : mechanism(auction::MakeMechanism(rules).value()),
        unreserved((rules.reserve = {}, auction::MakeMechanism(rules).value())),
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
  Player s(Reserve{});
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
    Player s(Reserve{Reserve::Kind::kMille, mille_micros});
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
  Player s(Reserve{});
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
  Player s(Reserve{});
  ASSERT_TRUE(s.accumulator.Add("1", judged).ok());
  EXPECT_DOUBLE_EQ(*s.accumulator.Finalize().oracle_welfare, .3);
  EXPECT_FALSE(s.accumulator.Finalize().welfare.has_value());
}

TEST(Welfare, ABadAuctionIsNotAdded) {
  Player s(Reserve{});
  EXPECT_EQ(base::FieldOf(s.accumulator.Add("1", Judged({{1, NAN}}, {.3}))), "candidates[0].pctr");
  EXPECT_FALSE(s.accumulator.Finalize().reference.has_value());
}

// The formula, pair by pair; and the same bits with every instruction set.
TEST(Misordering, AgreesWithTheFormula) {
  for (uint64_t round = 0; round < 500; ++round) {
    base::RandomStream random(4, base::StreamId("misordering_test"), round);
    const size_t n = 1 + random.Below(30);
    std::vector<double> scores(n + 8, -INFINITY), worths(n + 8, 0);
    for (size_t i = 0; i < n; ++i) {
      scores[i] = round % 2 == 0 ? static_cast<double>(random.Below(5)) : random.Uniform();  // with ties, without
      worths[i] = random.Uniform();
    }
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        if (worths[i] > worths[j] && scores[i] <= scores[j]) sum += worths[i] - worths[j];
      }
    }
    const double found = Misordering(scores.data(), worths.data(), n);
    EXPECT_NEAR(found, sum, 1e-12);
    base::ForEachInstructionSet([&] { EXPECT_EQ(Misordering(scores.data(), worths.data(), n), found); });
  }
}

// By the formula of the header, with k the candidate of the greatest score.
TEST(Welfare, ThePartsOfTheRegretAreThoseOfTheFormula) {
  for (uint64_t i = 0; i < 2000; ++i) {
    base::RandomStream random(5, base::StreamId("welfare_test.parts"), i);
    std::vector<auction::Candidate> candidates(1 + random.Below(6));
    std::vector<double> truth;
    for (auto& c : candidates) {
      c = {1 + static_cast<int64_t>(random.Below(5'000'000)), random.Uniform()};
      truth.push_back(random.Uniform());
    }
    const auto floor = 1 + static_cast<int64_t>(random.Below(4'000'000'000));  // micros a thousand impressions
    size_t k = 0;
    double most = 0;
    const auto score = [&](size_t j) { return static_cast<double>(candidates[j].bid_micros) * candidates[j].pctr; };
    const auto v = [&](size_t j) { return static_cast<double>(candidates[j].bid_micros) * truth[j]; };
    for (size_t j = 0; j < candidates.size(); ++j) {
      most = std::max(most, v(j));
      if (score(j) > score(k)) k = j;
    }
    const double r = static_cast<double>(floor) / 1000;
    Player s(Reserve{Reserve::Kind::kMille, floor});
    ASSERT_TRUE(s.accumulator.Add("a", Judged(candidates, truth)).ok());
    const WelfareMetrics m = s.accumulator.Finalize();
    EXPECT_NEAR(*m.lost_ranking * 1e6, most - v(k), 1e-6);
    EXPECT_NEAR(*m.lost_reserve * 1e6, v(k) * (1 - (v(k) >= r)), 1e-6);
    EXPECT_NEAR(*m.lost_calibration * 1e6, v(k) * ((v(k) >= r) - (score(k) >= r)), 1e-6);
    EXPECT_NEAR(*m.regret, *m.lost_ranking + *m.lost_reserve + *m.lost_calibration, 1e-12);
  }
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
    auction::Rules rules{.reserve = reserve};
    if (i % 3 == 0) {
      rules = {.mechanism = "gsp", .slots = 3, .position_multipliers = {1, .6, .36}, .reserve = reserve};
    }
    Player s(rules);
    ASSERT_TRUE(s.accumulator.Add("a", Judged(candidates, truth)).ok());
    const WelfareMetrics m = s.accumulator.Finalize();
    EXPECT_NEAR(*m.regret, *m.lost_ranking + *m.lost_reserve + *m.lost_calibration, 1e-12);
    EXPECT_GE(*m.regret, -1e-15);
    if (rules.slots == 1 && reserve.kind == Reserve::Kind::kNone) {
      EXPECT_LE(*m.regret, *m.misordering + 1e-12);
    }
  }
}

}  // namespace
}  // namespace vickrey::metric
