// A rule that was planted is learned, by every architecture with every loss.
#include <cmath>

#include "gtest/gtest.h"
#include "trainer/forecast/testing.h"

namespace vickrey::trainer {
namespace {

constexpr double kStrength = .7;
constexpr int64_t kOutOfSample = 1000;

class LearningTest : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

INSTANTIATE_TEST_SUITE_P(All, LearningTest,
                         testing::Combine(testing::ValuesIn(kArchitectures), testing::ValuesIn(kLosses)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
                         });

ForecastJob MakeJob(const std::string& architecture, const std::string& loss) {
  return JobOf(SmallModel(architecture) + "loss: {loss: " + loss +
               "}\nwalk_forward: {in_sample: 1200, validation: 300, out_of_sample: 1000}\n"
               "strategy: {metric: ir}\noptimizer: {epochs: 12, learning_rate: 0.01}\n");
}

// The share of returns whose sign was forecast.
double HitRate(const std::vector<double>& returns, const std::vector<double>& forecasts) {
  double hits = 0;
  for (size_t i = 0; i < forecasts.size(); ++i) hits += returns[1500 + i] * forecasts[i] > 0 ? 1 : 0;
  return hits / static_cast<double>(forecasts.size());
}

// The sign of the last return is worth Phi(.7) = .758 hits, whose deviation over 1,000 periods is .0136.
TEST_P(LearningTest, LearnsASignRule) {
  const auto [architecture, loss] = GetParam();
  const std::vector<double> returns = SignRule(2500, kStrength, 11);
  const auto result = RunNumber(MakeJob(architecture, loss), returns);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(HitRate(returns, result->out_of_sample), .758, .045);
  // Long and short by it, without costs, is worth .01 x .7 a period, with a deviation of .0003 over 1,000.
  const auto positions =
      *series::PositionsOf(result->strategies[0].thresholds, series::Directions::kLongAndShort, result->out_of_sample);
  double profit = 0;
  for (int64_t i = 0; i < kOutOfSample; ++i) profit += positions[i] * returns[1500 + i];
  EXPECT_GT(profit / kOutOfSample, .004);
}

// Where there is nothing to learn, nothing is found: half of the signs, within four deviations of .0158.
TEST_P(LearningTest, FindsNothingInNoise) {
  const auto [architecture, loss] = GetParam();
  const std::vector<double> returns = SignRule(2500, 0, 12);
  const auto result = RunNumber(MakeJob(architecture, loss), returns);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(HitRate(returns, result->out_of_sample), .5, .064);
}

}  // namespace
}  // namespace vickrey::trainer
