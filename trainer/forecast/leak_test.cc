// Nothing of the future leaks: a spike changes no bit of what was decided before it.
#include <cstring>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "trainer/forecast/testing.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kInSample = 120, kValidation = 40, kOutOfSample = 40, kPeriods = 230, kNumber = 0;
constexpr int64_t kValidationBegin = kInSample, kOutOfSampleBegin = kInSample + kValidation;
constexpr int64_t kEnd = kOutOfSampleBegin + kOutOfSample;
const std::vector<double> kCosts = {.0005, .002};

struct Case {
  std::string architecture, loss;
  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.architecture << " by " << one.loss; }
};

class LeakTest : public testing::TestWithParam<Case> {
 protected:
  // With `more` as a part of the configuration.
  static ForecastJob MakeJob(const std::string& more) {
    return JobOf(absl::StrCat(SmallModel(GetParam().architecture), "loss: {loss: ", GetParam().loss,
                              "}\nwalk_forward: {in_sample: ", kInSample, ", validation: ", kValidation,
                              ", out_of_sample: ", kOutOfSample, "}\noptimizer: {epochs: 3, batch: 32}\n", more));
  }
  static std::string Candidates() {
    return "candidates: [{settings: {optimizer.learning_rate: 0.001}}, {settings: {optimizer.learning_rate: 0.02}}]\n";
  }
  static WindowResult RunOn(const ForecastJob& job, const std::vector<double>& returns) {
    auto result = RunNumber(job, returns, kNumber, kCosts);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }
};

bool SameBits(double a, double b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

// What differs of two runs among what was decided before the return of period `t` was known: forecast and position of
// period t itself are among that. Empty: nothing.
std::string DifferenceBefore(int64_t t, const ForecastJob& job, const WindowResult& a, const WindowResult& b) {
  if (t >= kValidationBegin && !SameBits(a.scale, b.scale)) return "scale";
  for (int64_t i = 0; i < kValidation && kValidationBegin + i <= t; ++i) {
    if (!SameBits(a.validation[i], b.validation[i])) return absl::StrCat("validation forecast ", i);
  }
  if (t < kOutOfSampleBegin) return "";
  if (a.chosen != b.chosen) return "chosen";
  for (size_t i = 0; i < a.trials.size(); ++i) {
    if (a.trials[i].epoch != b.trials[i].epoch || a.trials[i].value != b.trials[i].value) return "trial";
  }
  const auto directions = SearchOf(job.config.strategy(), 0).directions;
  for (size_t k = 0; k < kCosts.size(); ++k) {
    if (!(a.strategies[k].thresholds == b.strategies[k].thresholds)) return "thresholds";
    if (a.strategies[k].value != b.strategies[k].value) return "metric";
    const auto p = *series::PositionsOf(a.strategies[k].thresholds, directions, a.out_of_sample);
    const auto q = *series::PositionsOf(b.strategies[k].thresholds, directions, b.out_of_sample);
    for (int64_t i = 0; i < kOutOfSample && kOutOfSampleBegin + i <= t; ++i) {
      if (p[i] != q[i]) return absl::StrCat("position ", i);
    }
  }
  for (int64_t i = 0; i < kOutOfSample && kOutOfSampleBegin + i <= t; ++i) {
    if (!SameBits(a.out_of_sample[i], b.out_of_sample[i])) return absl::StrCat("out-of-sample forecast ", i);
  }
  return "";
}

std::vector<double> Spiked(int64_t t, double spike = 3) {
  std::vector<double> returns = SignRule(kPeriods, .5, 7);
  returns[t] = spike;
  return returns;
}

TEST_P(LeakTest, WhatWasDecidedBeforeASpikeStays) {
  const ForecastJob job = MakeJob(Candidates());
  const WindowResult plain = RunOn(job, SignRule(kPeriods, .5, 7));
  for (const int64_t t : {kOutOfSampleBegin, kOutOfSampleBegin + 1, kOutOfSampleBegin + 17, kEnd - 1, kEnd, kEnd + 1}) {
    const WindowResult spiked = RunOn(job, Spiked(t));
    EXPECT_EQ(DifferenceBefore(t, job, plain, spiked), "") << "spike at " << t;
    // And behind it is seen, as long as it is inside the window of an input.
    if (t >= kEnd - 1) continue;
    EXPECT_NE(spiked.out_of_sample[t + 1 - kOutOfSampleBegin], plain.out_of_sample[t + 1 - kOutOfSampleBegin]);
  }
  // The series may end with the window, or just behind the day that is forecast.
  std::vector<double> cut = SignRule(kPeriods, .5, 7);
  cut.resize(kOutOfSampleBegin + 11);
  const WindowResult shorter = RunOn(job, cut);
  ASSERT_EQ(shorter.out_of_sample.size(), 11u);
  for (int64_t i = 0; i < 11; ++i) EXPECT_TRUE(SameBits(shorter.out_of_sample[i], plain.out_of_sample[i])) << i;
  EXPECT_EQ(shorter.chosen, plain.chosen);
  EXPECT_EQ(shorter.strategies[1].thresholds, plain.strategies[1].thresholds);
}

// Training sees nothing of validation: with the epoch fixed, forecasts up to the spike are the same.
TEST_P(LeakTest, TrainingDoesNotSeeValidation) {
  const ForecastJob job = MakeJob("selection: {epoch: last}\n");
  const WindowResult plain = RunOn(job, SignRule(kPeriods, .5, 7));
  for (const int64_t t : {kValidationBegin, kValidationBegin + 1, kValidationBegin + 17, kOutOfSampleBegin - 1}) {
    EXPECT_EQ(DifferenceBefore(t, job, plain, RunOn(job, Spiked(t))), "") << "spike at " << t;
  }
  // The last period of the in-sample part is trained on.
  const WindowResult before = RunOn(job, Spiked(kInSample - 1));
  EXPECT_NE(before.scale, plain.scale);
  EXPECT_NE(before.validation[20], plain.validation[20]);
}

// A series that runs a day ahead of what it says is a leak of one day: the same comparison finds it, at every boundary.
TEST_P(LeakTest, ALeakIsFound) {
  const ForecastJob job = MakeJob(Candidates());
  const auto ahead = [](std::vector<double> returns) {
    returns.erase(returns.begin());
    return returns;
  };
  const WindowResult plain = RunOn(job, ahead(SignRule(kPeriods, .5, 7)));
  for (const int64_t t : {kOutOfSampleBegin, kOutOfSampleBegin + 17, kEnd - 1}) {
    EXPECT_NE(DifferenceBefore(t, job, plain, RunOn(job, ahead(Spiked(t)))), "") << "spike at " << t;
  }
  const ForecastJob last = MakeJob("selection: {epoch: last}\n");
  const WindowResult trained = RunOn(last, ahead(SignRule(kPeriods, .5, 7)));
  EXPECT_EQ(DifferenceBefore(kValidationBegin, last, trained, RunOn(last, ahead(Spiked(kValidationBegin)))), "scale");
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const char* architecture : kArchitectures) {
    for (const char* loss : kLosses) cases.push_back({architecture, loss});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, LeakTest, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.architecture + "_" + info.param.loss; });

}  // namespace
}  // namespace vickrey::trainer
