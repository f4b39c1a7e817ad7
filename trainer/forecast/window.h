// One window of a walk-forward: candidates trained in sample, candidate, epoch and thresholds chosen on validation, and
// what comes of them out of sample.
//
// Nothing leaks from the future: of the in-sample part depend the unit of returns and every step of training; of it and
// validation epoch, candidate and thresholds; and a forecast and the position of a period depend, beside these, on the
// returns before it alone.
#ifndef TRAINER_FORECAST_WINDOW_H_
#define TRAINER_FORECAST_WINDOW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/forecast/config.h"
#include "vickrey/series/threshold_choice.h"
#include "vickrey/series/windows.h"

namespace vickrey::trainer {

// What became of a candidate.
struct ForecastTrial {
  int64_t parameters = 0;
  int64_t steps = 0;
  int epochs = 0;               // trained in whole
  std::optional<int> epoch;     // taken, from 1; none where training diverged in the first
  std::optional<double> value;  // of the metric on validation, at the first cost; none where it is not defined
  bool diverged = false;
};

struct WindowResult {
  double scale = 1;  // of a return; forecasts are in units of returns again
  std::vector<ForecastTrial> trials;
  int64_t chosen = 0;
  std::vector<double> validation, out_of_sample;    // forecasts, one for each period of the part
  std::vector<series::ThresholdChoice> strategies;  // for each cost
};

// Runs a window. Trainings, epochs and candidates are judged at the first of `costs`, of which there is at least one;
// thresholds are chosen for each. `done(epochs)` is called behind every epoch, with how many there were in all.
//
// INVALID_ARGUMENT where the in-sample part has not one period with a whole window of returns before it, or returns are
// beyond what a float holds; INTERNAL where every candidate diverged in its first epoch; CANCELLED once a signal has
// come.
absl::StatusOr<WindowResult> RunWindow(const ForecastJob& job, std::span<const double> returns,
                                       const series::Window& window, std::span<const double> costs,
                                       const std::function<void(int64_t)>& done);

}  // namespace vickrey::trainer

#endif  // TRAINER_FORECAST_WINDOW_H_
