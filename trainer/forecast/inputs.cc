#include "trainer/forecast/inputs.h"

#include <ATen/ops/empty.h>

#include <cmath>

namespace vickrey::trainer {

double ScaleOf(std::span<const double> returns, const series::Range& range) {
  double mean = 0, squares = 0;
  int64_t count = 0;
  for (int64_t t = range.begin; t < range.end; ++t) {
    const double from = returns[t] - mean;
    mean += from / static_cast<double>(++count);
    squares += from * (returns[t] - mean);
  }
  const double scale = count > 1 ? std::sqrt(squares / static_cast<double>(count - 1)) : 0;
  return scale > 0 ? scale : 1;
}

at::Tensor InputsOf(std::span<const double> returns, const series::Range& range, int64_t window, double scale) {
  at::Tensor inputs = at::empty({range.size(), window, 1});
  float* next = inputs.data_ptr<float>();
  for (int64_t t = range.begin; t < range.end; ++t) {
    for (const double x : returns.subspan(t - window, window)) *next++ = static_cast<float>(x / scale);
  }
  return inputs;
}

at::Tensor TargetsOf(std::span<const double> returns, const series::Range& range, double scale) {
  at::Tensor targets = at::empty({range.size()});
  float* next = targets.data_ptr<float>();
  for (const double x : returns.subspan(range.begin, range.size())) *next++ = static_cast<float>(x / scale);
  return targets;
}

}  // namespace vickrey::trainer
