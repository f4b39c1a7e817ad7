// What a model applies to a raw dense value before its first layer (FeatureField.Transform): the one code path, in
// training and in serving.
#ifndef VICKREY_FEATURES_TRANSFORM_H_
#define VICKREY_FEATURES_TRANSFORM_H_

#include <cstdint>
#include <span>

namespace vickrey::features {

// sign(x) log(1 + |x|), in float; NaN (missing) stays NaN.
float SignedLog1p(float x);

// (x - mean) / deviation, in double and rounded once; what a float cannot hold becomes the nearest finite float; NaN
// (missing) stays NaN. REQUIRES: x is not infinite, mean is finite, deviation is finite and greater than 0.
float Standardize(float x, double mean, double deviation);

// The row of a table of boundaries.size() + 2 rows: 0 for NaN (missing), else 1 + the number of boundaries that are at
// most x. REQUIRES: boundaries increase and none is NaN.
int64_t BucketOf(float x, std::span<const float> boundaries);

}  // namespace vickrey::features

#endif  // VICKREY_FEATURES_TRANSFORM_H_
