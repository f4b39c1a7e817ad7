#include "vickrey/series/threshold_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Only a forecast beyond 1 is right, and only for one period: of the levels 0 and 1 the one good combination is to
// enter beyond 1 and to leave within. Long, short and long gain 10 % each; 0 1 0 -1 0 1 is five trades.
const std::vector<double> kForecasts = {1, .1, 2, .1, -2, -.1, 2};
const std::vector<double> kReturns = {-.05, -.05, .1, -.05, -.1, .05, .1};

ThresholdSearch Search(std::vector<double> quantiles, double cost = 0) {
  ThresholdSearch search;
  search.quantiles = std::move(quantiles);
  search.metric = Metric::kProfit;
  search.performance.cost = cost;
  return search;
}

TEST(ThresholdChoiceTest, FindsWhatPays) {
  const auto choice = ChooseThresholds(kForecasts, kReturns, Search({4. / 7}));  // the fourth of .1 .1 .1 1 2 2 2
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->thresholds, (Thresholds{1, 1, -1, -1}));
  EXPECT_NEAR(*choice->value, 1.1 * 1.1 * 1.1 - 1, 1e-12);
  EXPECT_EQ(choice->performance.trades, 5);
  // Of (enter_long, enter_short): (0, 0) has one exit each, (0, -1) and (1, 0) two, (1, -1) three.
  EXPECT_EQ(choice->tried, 1 + 4 + 4 + 9 + 1);  // and to stay out
}

TEST(ThresholdChoiceTest, LongOnly) {
  ThresholdSearch search = Search({4. / 7});
  search.directions = Directions::kLongOnly;
  const auto choice = ChooseThresholds(kForecasts, kReturns, search);
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->thresholds, (Thresholds{1, 1, 1, 1}));
  EXPECT_NEAR(*choice->value, 1.1 * 1.1 - 1, 1e-12);
  EXPECT_EQ(choice->tried, 2 + 3 + 1);  // exits 0, -1; 0, 1, -1; to stay out
}

TEST(ThresholdChoiceTest, WhereCostsEatAllItStaysOut) {
  for (const Metric metric : {Metric::kProfit, Metric::kArc, Metric::kIr, Metric::kIr2}) {
    ThresholdSearch search = Search({4. / 7, 1}, .2);
    search.metric = metric;
    const auto choice = ChooseThresholds(kForecasts, kReturns, search);
    ASSERT_TRUE(choice.ok()) << choice.status();
    // No forecast is beyond 2, the greatest; of the exits the first.
    EXPECT_EQ(choice->thresholds, (Thresholds{2, 0, -2, 0}));
    EXPECT_EQ(choice->performance.trades, 0);
    EXPECT_EQ(choice->value.has_value(), metric == Metric::kProfit || metric == Metric::kArc);
  }
}

TEST(ThresholdChoiceTest, FewerTradesBreakATie) {
  // A return of 0 makes every combination worth the same; the first trades twice, from enter_long = 2 on none does.
  const auto choice = ChooseThresholds(std::vector<double>{1, 2, -1}, std::vector<double>{0, 0, 0}, Search({1}));
  EXPECT_EQ(choice->performance.trades, 0);
  EXPECT_EQ(choice->thresholds, (Thresholds{2, 0, -2, 0}));
}

TEST(ThresholdChoiceTest, WhereEveryLevelLosesItStaysOut) {
  // Half of the forecasts are beyond the level .5, and each of them is wrong: all levels lose, without any costs.
  for (const Directions directions : {Directions::kLongAndShort, Directions::kLongOnly}) {
    ThresholdSearch search = Search({.5});
    search.metric = Metric::kIr2;
    search.directions = directions;
    const auto choice = ChooseThresholds(std::vector<double>{1, -1, 2, -2, 3, -3},
                                         std::vector<double>{-.1, .1, -.1, .1, -.1, .1}, search);
    ASSERT_TRUE(choice.ok()) << choice.status();
    EXPECT_EQ(choice->performance.trades, 0);
    EXPECT_FALSE(choice->value.has_value());
    EXPECT_EQ(choice->thresholds.enter_long, kInfinity);
    EXPECT_EQ(PositionsOf(choice->thresholds, directions, std::vector<double>{-100, 100}).value(),
              (std::vector<double>{0, 0}));
  }
}

TEST(ThresholdChoiceTest, RuinIsWorstWhateverTheMetric) {
  // Long on all three days: s = 5, 5, -1, of a fine mean, and all is lost on the last. To stay out is better.
  ThresholdSearch search = Search({});
  search.metric = Metric::kIr;
  const std::vector<double> forecasts = {1, 1, 1}, returns = {5, 5, -1};
  const auto choice = ChooseThresholds(forecasts, returns, search);
  EXPECT_FALSE(choice->performance.bankrupt.has_value());
  EXPECT_FALSE(choice->value.has_value());
  EXPECT_EQ(choice->performance.trades, 0);
  // Without the last day the same is what is chosen.
  EXPECT_GT(*ChooseThresholds(std::vector<double>{1, 1}, std::vector<double>{5, 4}, search)->value, 0);
}

TEST(ThresholdChoiceTest, QuantilesAreOfTheForecastsThatThereAre) {
  const auto choice =
      ChooseThresholds(std::vector<double>{kNaN, 3, kNaN, -1}, std::vector<double>{0, .1, 0, -.1}, Search({.5}));
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->tried, 18 + 1);  // levels 0 and 1
  const auto nothing = ChooseThresholds(std::vector<double>{kNaN, kNaN}, std::vector<double>{0, .1}, Search({.5}));
  EXPECT_EQ(nothing->tried, 1 + 1);
  EXPECT_EQ(nothing->thresholds, Thresholds{});
}

// No worse than any combination of the levels, tried by other loops than the library's.
TEST(ThresholdChoiceTest, NoCombinationIsBetter) {
  for (uint64_t round = 0; round < 20; ++round) {
    base::RandomStream random(3, 4, round);
    std::vector<double> forecasts, returns;
    for (int t = 0; t < 40; ++t) {
      forecasts.push_back(std::round(10 * random.Normal()));
      returns.push_back(.001 * forecasts.back() + .02 * random.Normal());
    }
    ThresholdSearch search;
    search.performance.cost = .001;
    const auto choice = ChooseThresholds(forecasts, returns, search);
    ASSERT_TRUE(choice.ok()) << choice.status();
    std::vector<double> sizes;
    for (const double f : forecasts) sizes.push_back(std::abs(f));
    std::sort(sizes.begin(), sizes.end());
    const double levels[] = {-sizes[29], -sizes[19], -sizes[9], 0, sizes[9], sizes[19], sizes[29]};
    for (int a = 3; a < 7; ++a) {
      for (int b = 0; b <= 3; ++b) {
        for (int c = b; c <= a; ++c) {
          for (int d = b; d <= a; ++d) {
            const Thresholds t{levels[a], levels[c], levels[b], levels[d]};
            const auto positions = PositionsOf(t, Directions::kLongAndShort, forecasts);
            ASSERT_TRUE(positions.ok());
            EXPECT_LE(PerformanceOf(returns, *positions, search.performance)->ir2.value_or(0),
                      choice->value.value_or(0));
          }
        }
      }
    }
    EXPECT_LE(choice->tried, 296 + 1);  // sum of (i + j + 1)^2 over i, j = 0..3; less where quantiles meet
  }
}

TEST(ThresholdChoiceTest, RefusesNamingTheField) {
  const auto field_of = [](std::vector<double> forecasts, std::vector<double> returns, const ThresholdSearch& search) {
    return base::FieldOf(ChooseThresholds(forecasts, returns, search).status()).value_or("none");
  };
  EXPECT_EQ(field_of({1}, {0}, Search({.5})), "none");
  EXPECT_EQ(field_of({}, {}, Search({.5})), "forecasts");
  EXPECT_EQ(field_of({1, 2}, {0}, Search({.5})), "forecasts");
  EXPECT_EQ(field_of({kInfinity}, {0}, Search({.5})), "forecasts");
  EXPECT_EQ(field_of({1}, {kNaN}, Search({.5})), "return");
  EXPECT_EQ(field_of({1}, {0}, Search({0})), "quantiles");
  EXPECT_EQ(field_of({1}, {0}, Search({1.5})), "quantiles");
  EXPECT_EQ(field_of({1}, {0}, Search({kNaN})), "quantiles");
  EXPECT_EQ(field_of({1}, {0}, Search(std::vector<double>(9, .5))), "quantiles");
  EXPECT_EQ(field_of({1}, {0}, Search({.5}, -1)), "cost");
}

}  // namespace
}  // namespace vickrey::series
