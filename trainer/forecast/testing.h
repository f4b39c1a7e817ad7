// Jobs and series for tests.
#ifndef TRAINER_FORECAST_TESTING_H_
#define TRAINER_FORECAST_TESTING_H_

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "trainer/forecast/window.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {

// What LoadForecastJob makes of a file with this text, named forecast.yaml.
inline absl::StatusOr<ForecastJob> LoadText(const std::string& text, const std::vector<std::string>& settings = {}) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("forecast_test-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "forecast.yaml") << text;
  auto job = LoadForecastJob(folder / "forecast.yaml", settings);
  std::filesystem::remove_all(folder);
  return job;
}

inline ForecastJob JobOf(const std::string& text, const std::vector<std::string>& settings = {}) {
  auto job = LoadText(text, settings);
  EXPECT_TRUE(job.ok()) << job.status();
  return *std::move(job);
}

// Returns of which the sign follows the last one's: r_t = .01 (strength sign(r_{t-1}) + normal).
inline std::vector<double> SignRule(int64_t periods, double strength, uint64_t seed) {
  std::vector<double> returns;
  base::RandomStream random(seed, base::StreamId("test.sign_rule"), 0);
  double last = 1;
  for (int64_t t = 0; t < periods; ++t) {
    last = .01 * (strength * (last > 0 ? 1 : -1) + random.Normal());
    returns.push_back(last);
  }
  return returns;
}

inline absl::StatusOr<WindowResult> RunNumber(const ForecastJob& job, const std::vector<double>& returns,
                                              int64_t number = 0, const std::vector<double>& costs = {0}) {
  const auto windows = series::WindowsOf(PlanOf(job.config.walk_forward()), static_cast<int64_t>(returns.size()));
  EXPECT_TRUE(windows.ok()) << windows.status();
  return RunWindow(job, returns, windows->at(number), costs, [](int64_t) {});
}

inline const char* const kArchitectures[] = {"perceptron", "lstm", "transformer"};
inline const char* const kLosses[] = {"mse", "mae", "madl", "gmadl"};

// A small network of the architecture, as a line of the configuration.
inline std::string SmallModel(const std::string& architecture) {
  if (architecture == "perceptron") return "model: {architecture: perceptron, window: 4, hidden: [16]}\n";
  if (architecture == "lstm") return "model: {architecture: lstm, window: 4, width: 16}\n";
  return "model: {architecture: transformer, window: 4, width: 16, layers: 1, heads: 2}\n";
}

}  // namespace vickrey::trainer

#endif  // TRAINER_FORECAST_TESTING_H_
