#include "vickrey/features/transform.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vickrey::features {

float SignedLog1p(float x) {
  // From here on 1 + |x| is exact enough in double for a float's last bit, and its logarithm takes half the time.
  constexpr float kLarge = 1e-4f;
  const float size = std::fabs(x);
  const float log = size < kLarge ? std::log1p(size) : static_cast<float>(std::log(1 + static_cast<double>(size)));
  return std::copysign(log, x);
}

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
