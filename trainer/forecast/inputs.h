// What a forecaster is trained on, and forecasts from.
#ifndef TRAINER_FORECAST_INPUTS_H_
#define TRAINER_FORECAST_INPUTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "vickrey/series/windows.h"

namespace vickrey::trainer {

// The standard deviation of the returns of a range, with n - 1, by Welford's method; 1 where it is 0 or of fewer than
// two returns: a series that does not move needs no other unit. REQUIRES: the range lies in `returns`.
double ScaleOf(std::span<const double> returns, const series::Range& range);

// Of each period t of a range the `window` returns before it, t - window .. t - 1, divided by `scale`: (periods,
// window, 1), float. Nothing of period t itself or behind it is in its row, nor anywhere else in memory that is read
// for it. REQUIRES: range.begin >= window, and the range lies in `returns`, or just behind it.
at::Tensor InputsOf(std::span<const double> returns, const series::Range& range, int64_t window, double scale);

// The returns of a range divided by `scale`, (periods), float.
at::Tensor TargetsOf(std::span<const double> returns, const series::Range& range, double scale);

}  // namespace vickrey::trainer

#endif  // TRAINER_FORECAST_INPUTS_H_
