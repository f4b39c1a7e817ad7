#ifndef TRAINER_FORECAST_CONFIG_H_
#define TRAINER_FORECAST_CONFIG_H_

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/forecast.pb.h"
#include "vickrey/series/threshold_choice.h"
#include "vickrey/series/windows.h"
#include "vickrey/torch/forecaster.h"

namespace vickrey::trainer {

// What is tried: the configuration with a candidate's settings over it.
struct ForecastTry {
  std::map<std::string, std::string> settings;
  vickrey::config::v1::ForecastConfig config;  // complete
};

// A job's configuration, checked, with every default.
struct ForecastJob {
  vickrey::config::v1::ForecastConfig config;
  std::vector<ForecastTry> tries;  // at least one
};

// Reads a ForecastConfig; `settings` ("optimizer.epochs=5") go over the file. INVALID_ARGUMENT naming file, line and
// field; what an architecture or a loss does not read is refused.
absl::StatusOr<ForecastJob> LoadForecastJob(const std::filesystem::path& file,
                                            const std::vector<std::string>& settings);

// Parts of a complete configuration as their users know them.
series::WindowPlan PlanOf(const vickrey::config::v1::WalkForwardConfig& config);
torch::ForecasterSpec SpecOf(const vickrey::config::v1::ForecastConfig& config);
series::ThresholdSearch SearchOf(const vickrey::config::v1::StrategyConfig& config, double cost);

}  // namespace vickrey::trainer

#endif  // TRAINER_FORECAST_CONFIG_H_
