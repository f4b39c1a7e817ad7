#include "vickrey/series/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

using ::testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(StrategyTest, WalksEveryArrow) {
  const Thresholds t{.enter_long = 2, .exit_long = 1, .enter_short = -2, .exit_short = -1};
  const double forecasts[] = {0, kNaN, 2, -2, 3, 1.5, 1, kNaN, 0.5, 1.5, -3, -1.5, -1, kNaN, -0.5, 3, -3, 5, -0.5};
  EXPECT_THAT(*PositionsOf(t, Directions::kLongAndShort, forecasts),
              ElementsAre(0, 0, 0, 0,     // neither NaN nor a level itself enters
                          1, 1, 1, 1, 0,  // in above 2; held down to 1; out below it
                          0,              // above the exit is not above the entry
                          -1, -1, -1, -1, 0, 1, -1, 1, 0));
  EXPECT_THAT(*PositionsOf(t, Directions::kLongOnly, forecasts),
              ElementsAre(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0));
}

TEST(StrategyTest, ZerosFollowTheSign) {
  const double forecasts[] = {0, 1, 0, -1, 0, 1};
  EXPECT_THAT(*PositionsOf({}, Directions::kLongAndShort, forecasts), ElementsAre(0, 1, 1, -1, -1, 1));
  EXPECT_THAT(*PositionsOf({}, Directions::kLongOnly, forecasts), ElementsAre(0, 1, 1, 0, 0, 1));
}

TEST(StrategyTest, ExitsBeyondZeroHoldUntilTheOpposite) {
  const Thresholds t{.enter_long = 1, .exit_long = -1, .enter_short = -1, .exit_short = 1};
  const double forecasts[] = {0, 2, 0, -0.5, -1, -2, 0.5, 1, 2};
  EXPECT_THAT(*PositionsOf(t, Directions::kLongAndShort, forecasts), ElementsAre(0, 1, 1, 1, 1, -1, -1, -1, 1));
}

TEST(StrategyTest, InfiniteLevelsCloseASide) {
  const Thresholds never_long{.enter_long = kInfinity, .exit_long = 0, .enter_short = 0, .exit_short = 0};
  const double forecasts[] = {5, -5, 5};
  EXPECT_THAT(*PositionsOf(never_long, Directions::kLongAndShort, forecasts), ElementsAre(0, -1, 0));
}

TEST(StrategyTest, RefusesLevelsOutOfOrder) {
  const auto field_of = [](const Thresholds& t, Directions directions = Directions::kLongAndShort) {
    return base::FieldOf(t.Validate(directions)).value_or("none");
  };
  EXPECT_EQ(field_of({1, 2, -2, -1}), "exit_long");   // above enter_long
  EXPECT_EQ(field_of({2, -3, -2, -1}), "exit_long");  // below enter_short
  EXPECT_EQ(field_of({2, 1, -1, -2}), "exit_short");  // below enter_short
  EXPECT_EQ(field_of({2, 1, -2, 3}), "exit_short");   // above enter_long
  EXPECT_EQ(field_of({-1, -1, 1, 1}), "exit_long");   // entries crossed
  EXPECT_EQ(field_of({kNaN, 0, 0, 0}), "enter_long");
  EXPECT_EQ(field_of({0, kNaN, 0, 0}), "exit_long");
  EXPECT_EQ(field_of({0, 0, kNaN, 0}), "enter_short");
  EXPECT_EQ(field_of({0, 0, 0, kNaN}), "exit_short");
  EXPECT_EQ(field_of({1, 0, kNaN, 5}, Directions::kLongOnly), "none");
  EXPECT_EQ(field_of({1, 2, 0, 0}, Directions::kLongOnly), "exit_long");
  EXPECT_EQ(field_of({0, 0, 0, 0}), "none");
  EXPECT_EQ(ThresholdStrategy::Create({1, 2, 0, 0}, Directions::kLongOnly).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// Of levels in order no forecast both asks for a position and forbids it: fed the same forecast again, a strategy
// stays.
TEST(StrategyTest, TheSameForecastAgainChangesNothing) {
  for (uint64_t i = 0; i < 20000; ++i) {
    base::RandomStream random(1, 2, i);
    const auto level = [&] { return static_cast<double>(random.Below(7)) - 3; };
    const Thresholds t{level(), level(), level(), level()};
    auto strategy = ThresholdStrategy::Create(t, Directions::kLongAndShort);
    if (!strategy.ok()) continue;
    for (int step = 0; step < 10; ++step) {
      const double forecast = level();
      const int position = strategy->Next(forecast);
      EXPECT_EQ(strategy->Next(forecast), position);
    }
  }
}

}  // namespace
}  // namespace vickrey::series
