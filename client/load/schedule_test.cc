#include "client/load/schedule.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace vickrey::client {
namespace {

std::vector<double> Seconds(const Schedule::Options& options, int calls) {
  Schedule schedule(options);
  std::vector<double> due(calls);
  for (double& time : due) time = static_cast<double>(schedule.Next()) * 1e-9;
  return due;
}

TEST(Schedule, AConstantRateDoesNotDrift) {
  const std::vector<double> due = Seconds({.rate = 3}, 300'001);
  EXPECT_EQ(due[0], 0);
  EXPECT_NEAR(due[1], 1 / 3., 1e-8);
  EXPECT_NEAR(due[300'000], 100'000, 1e-6);
}

TEST(Schedule, PoissonGapsHaveTheirMeanAndDeviation) {
  constexpr int kCalls = 100'000;
  const std::vector<double> due = Seconds({.rate = 50, .poisson = true, .seed = 3}, kCalls);
  double sum = due[0], squares = due[0] * due[0];
  int longer_than_mean = due[0] > .02 ? 1 : 0;
  for (int i = 1; i < kCalls; ++i) {
    const double gap = due[i] - due[i - 1];
    ASSERT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
    longer_than_mean += gap > .02 ? 1 : 0;
  }
  // Of an exponential law the deviation is the mean; 1/e is longer. Margins of some five deviations.
  EXPECT_NEAR(sum / kCalls, .02, .02 * .016);
  EXPECT_NEAR(std::sqrt(squares / kCalls - .02 * .02), .02, .02 * .03);
  EXPECT_NEAR(longer_than_mean / double{kCalls}, std::exp(-1), .008);
}

TEST(Schedule, TheSeedDecides) {
  const Schedule::Options options = {.rate = 9, .poisson = true, .seed = 1};
  EXPECT_EQ(Seconds(options, 100), Seconds(options, 100));
  EXPECT_NE(Seconds(options, 100), Seconds({.rate = 9, .poisson = true, .seed = 2}, 100));
}

TEST(Schedule, TheRateGrowsInTheRamp) {
  for (const bool poisson : {false, true}) {
    const std::vector<double> due = Seconds({.rate = 1000, .poisson = poisson, .ramp_seconds = 20, .seed = 5}, 30'000);
    // Of the 10,000 calls of a ramp a quarter are due in its first half; then it is 1,000 a second.
    std::vector<int> by_half(4);
    for (const double time : due) {
      if (time < 40) ++by_half[static_cast<size_t>(time / 10)];
    }
    const double margin = poisson ? 500 : 1;
    EXPECT_NEAR(by_half[0], 2500, margin);
    EXPECT_NEAR(by_half[1], 7500, margin);
    EXPECT_NEAR(by_half[2], 10'000, margin);
    EXPECT_NEAR(by_half[3], 10'000, margin);
  }
}

}  // namespace
}  // namespace vickrey::client
