#include "vickrey/series/baselines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

using ::testing::ElementsAreArray;

// The two things that a draw keeps: periods by position, and trades from a position of 0 on.
std::map<double, int> PeriodsOf(const std::vector<double>& positions) {
  std::map<double, int> periods;
  for (const double p : positions) ++periods[p];
  return periods;
}
int TradesOf(const std::vector<double>& positions) {
  int trades = 0;
  for (size_t t = 0; t < positions.size(); ++t) trades += positions[t] != (t == 0 ? 0 : positions[t - 1]);
  return trades;
}

TEST(BaselinesTest, BuyAndHoldIsOneTrade) {
  const std::vector<double> returns = {.1, -.5, .2};
  const auto p = BuyAndHold(returns, {.cost = .01});
  ASSERT_TRUE(p.ok()) << p.status();
  EXPECT_EQ(p->trades, 1);
  EXPECT_EQ(p->share_long, 1);
  EXPECT_NEAR(p->final_equity, (1 + .1 - .01) * .5 * 1.2, 1e-15);
}

TEST(BaselinesTest, ADrawTradesAsOftenAndHoldsAsLong) {
  std::vector<std::vector<double>> strategies = {{},
                                                 {0},
                                                 {1},
                                                 {0, 0, 0},
                                                 {1, 1, 1},
                                                 {0, 1, 0, 1, 0},
                                                 {1, 0, 1, 0, 1},
                                                 {1, -1, 1, -1, -1, -1},
                                                 {0, 1, -1, 1, -1, 1}};
  for (uint64_t i = 0; i < 300; ++i) {
    base::RandomStream random(1, 7, i);
    std::vector<double> positions(1 + random.Below(60));
    const double turn = random.Uniform(), flat = random.Uniform();
    double held = random.Bernoulli(.5) ? 0 : 1;
    for (double& p : positions) {
      if (random.Bernoulli(turn))
        held = random.Bernoulli(flat) ? 0 : (static_cast<double>(random.Below(1 + i % 5)) + 1) / 5;
      p = i % 2 == 0 && random.Bernoulli(turn) ? -held : held;
    }
    strategies.push_back(positions);
  }
  for (const auto& strategy : strategies) {
    const RandomTrades trades(strategy);
    for (uint64_t draw = 0; draw < 5; ++draw) {
      const std::vector<double> drawn = trades.Draw(9, draw);
      EXPECT_EQ(PeriodsOf(drawn), PeriodsOf(strategy)) << testing::PrintToString(strategy);
      EXPECT_EQ(TradesOf(drawn), TradesOf(strategy)) << testing::PrintToString(strategy);
    }
  }
}

TEST(BaselinesTest, ADrawIsAFunctionOfSeedAndIndex) {
  const std::vector<double> strategy = {0, 1, 1, 0, -1, -1, -1, 0, 0, 1, 0, 1, 1, -1};
  const RandomTrades trades(strategy);
  EXPECT_THAT(RandomTrades(strategy).Draw(1, 5), ElementsAreArray(trades.Draw(1, 5)));
  std::set<std::vector<double>> different;
  for (uint64_t i = 0; i < 50; ++i) {
    different.insert(trades.Draw(1, i));
    different.insert(trades.Draw(2, i));
  }
  EXPECT_GT(different.size(), 90u);
}

// Two long runs of three periods in all, between flat runs of four: 1 + 2 or 2 + 1, and flat lengths by the three
// places for two cuts: 1 + 1 + 2, 1 + 2 + 1, 2 + 1 + 1. Six draws, all alike: of 6000 about 1000 each, standard
// deviation 29.
TEST(BaselinesTest, LengthsAreUniform) {
  const RandomTrades trades(std::vector<double>{0, 1, 0, 0, 1, 1, 0});
  std::map<std::vector<double>, int> seen;
  for (uint64_t i = 0; i < 6000; ++i) ++seen[trades.Draw(3, i)];
  EXPECT_EQ(seen.size(), 6u);
  for (const auto& [draw, times] : seen) EXPECT_NEAR(times, 1000, 120);
}

// Every order of runs in which no two of a position meet comes up, and no other: with lengths of 1 a draw is the order.
TEST(BaselinesTest, EveryOrderComesUp) {
  const std::vector<double> strategy = {1, 0, -1, 1, 0, -1, 1};
  std::vector<double> order = strategy;
  std::sort(order.begin(), order.end());
  std::set<std::vector<double>> possible;
  do {
    if (TradesOf(order) == 7) possible.insert(order);
  } while (std::next_permutation(order.begin(), order.end()));
  std::set<std::vector<double>> seen;
  for (uint64_t i = 0; i < 5000; ++i) seen.insert(RandomTrades(strategy).Draw(4, i));
  EXPECT_EQ(seen, possible);
}

TEST(BaselinesTest, ForesightIsBetterThanChance) {
  std::vector<double> returns, positions;
  base::RandomStream random(2, 8, 0);
  for (int t = 0; t < 500; ++t) {
    returns.push_back(.01 * random.Normal());
    positions.push_back(returns.back() > .005 ? 1 : returns.back() < -.005 ? -1 : 0);
  }
  const PerformanceOptions options{.cost = .0005};
  const auto good = CompareWithRandomTrades(returns, positions, options, 200, 1);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->draws, 200);
  EXPECT_EQ(good->quantile_arc, 1);
  EXPECT_EQ(good->quantile_ir, 1);
  EXPECT_EQ(good->quantile_ir2, 1);
  EXPECT_EQ(good->quantile_profit, 1);
  const Performance strategy = *PerformanceOf(returns, positions, options);
  EXPECT_EQ(good->mean.trades, strategy.trades);
  EXPECT_EQ(good->mean.share_short, strategy.share_short);
  EXPECT_LT(*good->mean.arc, *strategy.arc);
  EXPECT_GT(good->mean.max_drawdown, strategy.max_drawdown);
  for (double& p : positions) p = -p;
  EXPECT_EQ(CompareWithRandomTrades(returns, positions, options, 200, 1)->quantile_arc, 0);
}

// A strategy that is itself such a draw stands anywhere among them: its quantile is uniform, so the mean of 100 is 1/2
// with standard deviation .029.
TEST(BaselinesTest, ChanceStandsInTheMiddle) {
  base::RandomStream random(2, 9, 0);
  std::vector<double> returns, positions;
  for (int t = 0; t < 200; ++t) {
    returns.push_back(.01 * random.Normal());
    positions.push_back(static_cast<double>(random.Below(3)) - 1);
  }
  const RandomTrades trades(positions);
  double sum = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    sum += *CompareWithRandomTrades(returns, trades.Draw(77, i), {}, 60, i)->quantile_profit / 100;
  }
  EXPECT_NEAR(sum, .5, .12);
}

TEST(BaselinesTest, MeansAreOverDraws) {
  const std::vector<double> returns = {.1, -.2, .3, .05, -.1, .2}, positions = {1, 0, 0, -1, -1, 1};
  const auto baseline = CompareWithRandomTrades(returns, positions, {}, 40, 3);
  ASSERT_TRUE(baseline.ok()) << baseline.status();
  double arc = 0, equity = 0, better = 0;
  const Performance strategy = *PerformanceOf(returns, positions, {});
  for (uint64_t i = 0; i < 40; ++i) {
    const Performance p = *PerformanceOf(returns, RandomTrades(positions).Draw(3, i), {});
    arc += *p.arc / 40;
    equity += p.final_equity / 40;
    better += strategy.final_equity > p.final_equity ? 1 : strategy.final_equity == p.final_equity ? .5 : 0;
  }
  EXPECT_NEAR(*baseline->mean.arc, arc, 1e-9 * std::abs(arc));
  EXPECT_NEAR(baseline->mean.final_equity, equity, 1e-12);
  EXPECT_EQ(*baseline->quantile_profit, better / 40);
}

TEST(BaselinesTest, AlwaysTheSameIsATie) {
  const std::vector<double> returns = {.1, -.2, .3};
  const auto flat = CompareWithRandomTrades(returns, std::vector<double>{0, 0, 0}, {}, 10, 1);
  EXPECT_EQ(flat->quantile_arc, .5);
  EXPECT_FALSE(flat->quantile_ir.has_value());  // not defined
  EXPECT_FALSE(flat->mean.ir.has_value());
  EXPECT_EQ(CompareWithRandomTrades(returns, std::vector<double>{1, 1, 1}, {}, 10, 1)->quantile_ir2, .5);
}

TEST(BaselinesTest, CountsBankruptDraws) {
  // Short once in ten periods, one of which doubles the price: one draw of ten or so is ruined.
  std::vector<double> returns(10, .01), positions(10, 0);
  returns[4] = 1;
  positions[7] = -1;
  const auto baseline = CompareWithRandomTrades(returns, positions, {}, 1000, 1);
  EXPECT_NEAR(static_cast<double>(baseline->bankrupt), 125, 40);  // flat first and last: one of the 8 places between
  EXPECT_FALSE(baseline->mean.bankrupt.has_value());
}

TEST(BaselinesTest, RefusesNamingTheField) {
  const std::vector<double> one = {1};
  EXPECT_EQ(base::FieldOf(CompareWithRandomTrades(one, one, {}, 0, 1).status()), "draws");
  EXPECT_EQ(base::FieldOf(CompareWithRandomTrades(one, one, {}, kMaxDraws + 1, 1).status()), "draws");
  EXPECT_EQ(base::FieldOf(CompareWithRandomTrades(one, {{2}}, {}, 1, 1).status()), "position");
  EXPECT_EQ(base::FieldOf(BuyAndHold(one, {.cost = 2}).status()), "cost");
}

}  // namespace
}  // namespace vickrey::series
