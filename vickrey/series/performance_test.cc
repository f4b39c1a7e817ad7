#include "vickrey/series/performance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Performance Of(std::vector<double> returns, std::vector<double> positions, PerformanceOptions options = {}) {
  const auto performance = PerformanceOf(returns, positions, options);
  EXPECT_TRUE(performance.ok()) << performance.status();
  return performance.value_or(Performance{});
}

// With a cost of 1 % and 3 periods a year, so that ARC is the whole gain:
//   t   r    p   |change|   s                    E
//   1   .1   1      1       .1 - .01 = .09       1.09
//   2  -.2   1      0      -.2                    .872
//   3   .05 -1      2      -.05 - .02 = -.07      .81096
// ARC = .81096 - 1. The mean of s is -.06, deviations .15, -.14, -.01, their squares sum to .0422; over n - 1 = 2 and
// times 3: ASD^2 = .0633. The peak is 1.09: MD = 1 - .81096 / 1.09 = 1 - .744.
TEST(PerformanceTest, ByHand) {
  const Performance p = Of({.1, -.2, .05}, {1, 1, -1}, {.cost = .01, .periods_per_year = 3});
  EXPECT_NEAR(p.final_equity, .81096, 1e-14);
  EXPECT_NEAR(*p.arc, -.18904, 1e-14);
  EXPECT_NEAR(*p.asd, .25159491250818246, 1e-14);  // sqrt(.0633)
  EXPECT_NEAR(*p.ir, -.7513665444004237, 1e-13);   // -.18904 / .2515949125081825
  EXPECT_NEAR(p.max_drawdown, .256, 1e-14);
  EXPECT_NEAR(*p.ir2, -.5548372326306878, 1e-13);  // -.751366544400424 x .18904 / .256: of the sign of ARC
  EXPECT_EQ(p.trades, 2);
  EXPECT_NEAR(*p.share_long, 2. / 3, 1e-15);
  EXPECT_NEAR(*p.share_short, 1. / 3, 1e-15);
  EXPECT_EQ(*p.share_flat, 0);
  EXPECT_EQ(p.periods, 3);
  EXPECT_EQ(p.cost, .01);
  EXPECT_FALSE(p.bankrupt.has_value());
}

// Half of the equity in it: s = .25 and -.1, E = 1.25 and 1.125. Two periods of a year of four: ARC = 1.125^2 - 1 =
// .265625. Mean .075, deviations .175: ASD^2 = 2 x .030625 x 4 = .245. MD = .1.
TEST(PerformanceTest, FractionsByHand) {
  const Performance p = Of({.5, -.2}, {.5, .5}, {.cost = 0, .periods_per_year = 4});
  EXPECT_NEAR(*p.arc, .265625, 1e-14);
  EXPECT_NEAR(*p.asd, std::sqrt(.245), 1e-14);
  EXPECT_NEAR(p.max_drawdown, .1, 1e-14);
  EXPECT_NEAR(*p.ir2, .265625 * .265625 / std::sqrt(.245) / .1, 1e-12);
  EXPECT_EQ(p.trades, 1);
  // A trade is any change of the position; its cost is that of the change: .001 (.5 + .25 + 1).
  const Performance changes = Of({0, 0, 0, 0}, {.5, .25, .25, -.75}, {.cost = .001});
  EXPECT_EQ(changes.trades, 3);
  EXPECT_NEAR(changes.final_equity, (1 - .0005) * (1 - .00025) * (1 - .001), 1e-15);
  EXPECT_EQ(*changes.share_long, .75);
}

TEST(PerformanceTest, LongToShortIsOneTradeAndCostsTwoUnits) {
  const Performance direct = Of({0, 0}, {1, -1}, {.cost = .1});
  EXPECT_EQ(direct.trades, 2);
  EXPECT_NEAR(direct.final_equity, .9 * .8, 1e-15);
  const Performance by_zero = Of({0, 0, 0}, {1, 0, -1}, {.cost = .1});
  EXPECT_EQ(by_zero.trades, 3);
  EXPECT_NEAR(by_zero.final_equity, .9 * .9 * .9, 1e-15);
}

TEST(PerformanceTest, WhatIsNotDefinedIsNull) {
  const Performance none = Of({}, {});
  EXPECT_FALSE(none.arc || none.asd || none.ir || none.ir2 || none.share_long || none.share_flat);
  EXPECT_EQ(none.final_equity, 1);
  const Performance one = Of({.1}, {1}, {.periods_per_year = 1});
  EXPECT_NEAR(*one.arc, .1, 1e-15);
  EXPECT_FALSE(one.asd || one.ir || one.ir2);
  const Performance flat = Of({.1, -.2}, {0, 0});  // ASD = 0
  EXPECT_EQ(flat.arc, 0);
  EXPECT_EQ(flat.asd, 0);
  EXPECT_FALSE(flat.ir || flat.ir2);
  const Performance rising = Of({.1, .2}, {1, 1});  // MD = 0
  EXPECT_TRUE(rising.ir.has_value());
  EXPECT_FALSE(rising.ir2.has_value());
  const Performance constant = Of({.1, .1, .1}, {1, 1, 1});  // ASD = 0, not a rounding
  EXPECT_EQ(constant.asd, 0);
  const Performance huge = Of({1e10}, {1});  // 1e10^252
  EXPECT_FALSE(huge.arc.has_value());
}

// s = 0, -1, 0: E = 1, 0, 0. With 3 periods a year ARC = -1; mean -1/3, squares 1/9 + 4/9 + 1/9 = 2/3, over 2, times 3:
// ASD = 1. IR* = -1, MD = 1, IR** = -1 x 1 / 1.
TEST(PerformanceTest, LosingEverythingIsTheEnd) {
  const Performance p = Of({.5, 1.5, .5}, {0, -1, 1}, {.cost = .01, .periods_per_year = 3});
  EXPECT_EQ(p.bankrupt, 1);
  EXPECT_EQ(p.final_equity, 0);
  EXPECT_EQ(p.max_drawdown, 1);
  EXPECT_EQ(p.arc, -1);
  EXPECT_NEAR(*p.asd, 1, 1e-15);
  EXPECT_NEAR(*p.ir, -1, 1e-15);
  EXPECT_NEAR(*p.ir2, -1, 1e-15);
  EXPECT_EQ(p.trades, 1);  // nothing is left to go long with
  EXPECT_NEAR(*p.share_flat, 2. / 3, 1e-15);
  EXPECT_EQ(Of({-1}, {1}).bankrupt, 0);
  EXPECT_EQ(Of({1}, {-1}).bankrupt, 0);  // exactly 0 is the end too
  EXPECT_FALSE(Of({.999}, {-1}).bankrupt.has_value());
  EXPECT_EQ(Of({-.5}, {1}, {.cost = .5}).bankrupt, 0);                                        // by costs
  EXPECT_EQ(Of(std::vector<double>(200, -.999), std::vector<double>(200, 1)).bankrupt, 107);  // 1e-3^108 underflows
}

TEST(PerformanceTest, EquityAndDrawdownByPeriod) {
  auto p = *PerformanceAccumulator::Create({});
  const double returns[] = {.5, -.5, 1, 1}, equity[] = {1.5, .75, 1.5, 3}, drawdown[] = {0, .5, 0, 0};
  for (int t = 0; t < 4; ++t) {
    ASSERT_TRUE(p.Add(returns[t], 1).ok());
    EXPECT_EQ(p.equity(), equity[t]);
    EXPECT_EQ(p.drawdown(), drawdown[t]);
  }
  EXPECT_EQ(p.Finalize().max_drawdown, .5);
  // A loss from the start is a drawdown from 1.
  EXPECT_EQ(Of({-.5, .2}, {1, 1}).max_drawdown, .5);
}

// Against sums taken the plain way, of the whole series.
TEST(PerformanceTest, AgreesWithPlainSums) {
  for (uint64_t round = 0; round < 50; ++round) {
    base::RandomStream random(5, 6, round);
    const size_t n = 2 + random.Below(500);
    std::vector<double> returns, positions, gains, curve = {1};
    double last = 0;
    int64_t trades = 0;
    for (size_t t = 0; t < n; ++t) {
      returns.push_back(.0005 + .01 * random.Normal());
      positions.push_back(static_cast<double>(random.Below(3)) - 1);
      gains.push_back(positions[t] * returns[t] - .002 * std::abs(positions[t] - last));
      curve.push_back(curve.back() * (1 + gains.back()));
      trades += positions[t] != last;
      last = positions[t];
    }
    double sum = 0, squares = 0, drawdown = 0;
    for (const double g : gains) sum += g / static_cast<double>(n);
    for (const double g : gains) squares += (g - sum) * (g - sum);
    for (size_t i = 0; i < curve.size(); ++i) {
      for (size_t j = i; j < curve.size(); ++j) drawdown = std::max(drawdown, (curve[i] - curve[j]) / curve[i]);
    }
    const Performance p = Of(returns, positions, {.cost = .002});
    const double arc = std::exp(252. / static_cast<double>(n) * std::log(curve.back())) - 1;
    const double asd = std::sqrt(252 * squares / static_cast<double>(n - 1));
    EXPECT_NEAR(*p.arc, arc, 1e-9 * (1 + std::abs(arc)));
    EXPECT_NEAR(*p.asd, asd, 1e-12);
    EXPECT_NEAR(p.max_drawdown, drawdown, 1e-12);
    EXPECT_NEAR(*p.ir2, arc / asd * std::abs(arc) / drawdown, 1e-7 * (1 + std::abs(*p.ir2)));
    EXPECT_EQ(p.trades, trades);
  }
}

TEST(PerformanceTest, RefusesNamingTheField) {
  const auto field_of = [](double period_return, double position) {
    return base::FieldOf(PerformanceOf({{period_return}}, {{position}}, {}).status()).value_or("none");
  };
  EXPECT_EQ(field_of(-1, 1), "none");
  EXPECT_EQ(field_of(-1.01, 0), "return");
  EXPECT_EQ(field_of(kNaN, 0), "return");
  EXPECT_EQ(field_of(kInfinity, 0), "return");
  EXPECT_EQ(field_of(0, 1.01), "position");
  EXPECT_EQ(field_of(0, -1.01), "position");
  EXPECT_EQ(field_of(0, kNaN), "position");
  const std::vector<double> grows(3, 1e150), all(3, 1);
  const auto overflow = PerformanceOf(grows, all, {});
  EXPECT_THAT(std::string(overflow.status().message()), HasSubstr("period 2"));
  EXPECT_THAT(std::string(overflow.status().message()), HasSubstr("more than a double holds"));
  EXPECT_EQ(base::FieldOf(PerformanceOf(grows, {{1}}, {}).status()), "position");
  for (const double cost : {-.001, 1.001, kNaN}) {
    EXPECT_EQ(base::FieldOf(PerformanceAccumulator::Create({.cost = cost}).status()), "cost");
  }
  for (const double year : {0., -1., kNaN, kInfinity}) {
    EXPECT_EQ(base::FieldOf(PerformanceAccumulator::Create({.periods_per_year = year}).status()), "periods_per_year");
  }
}

TEST(PerformanceTest, ARefusedPeriodChangesNothing) {
  auto p = *PerformanceAccumulator::Create({});
  ASSERT_TRUE(p.Add(.1, 1).ok());
  ASSERT_FALSE(p.Add(-2, 0).ok());
  ASSERT_FALSE(p.Add(0, 2).ok());
  ASSERT_TRUE(p.Add(.1, 1).ok());
  EXPECT_EQ(p.Finalize().periods, 2);
  EXPECT_EQ(p.Finalize().trades, 1);
  EXPECT_NEAR(p.equity(), 1.21, 1e-15);
}

TEST(PerformanceTest, MetricsByName) {
  const Performance p = Of({.5, -.2}, {.5, .5}, {.periods_per_year = 4});
  for (const Metric metric : {Metric::kIr2, Metric::kIr, Metric::kArc, Metric::kProfit}) {
    EXPECT_EQ(*ParseMetric(NameOf(metric)), metric);
  }
  EXPECT_EQ(ValueOf(p, Metric::kIr2), p.ir2);
  EXPECT_EQ(ValueOf(p, Metric::kIr), p.ir);
  EXPECT_EQ(ValueOf(p, Metric::kArc), p.arc);
  EXPECT_NEAR(*ValueOf(p, Metric::kProfit), .125, 1e-15);
  EXPECT_THAT(std::string(ParseMetric("sharpe").status().message()), HasSubstr("'sharpe' is not one of ir2, ir, arc"));
}

}  // namespace
}  // namespace vickrey::series
