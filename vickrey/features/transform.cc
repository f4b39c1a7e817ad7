#include "vickrey/features/transform.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vickrey::features {

float SignedLog1p(float x) { return std::copysign(std::log1p(std::fabs(x)), x); }

float Standardize(float x, double mean, double deviation) {
  constexpr double kMax = std::numeric_limits<float>::max();
  // std::clamp keeps NaN: no comparison with it holds.
  return static_cast<float>(std::clamp((static_cast<double>(x) - mean) / deviation, -kMax, kMax));
}

int64_t BucketOf(float x, std::span<const float> boundaries) {
  if (std::isnan(x)) return 0;
  return 1 + (std::upper_bound(boundaries.begin(), boundaries.end(), x) - boundaries.begin());
}

}  // namespace vickrey::features
