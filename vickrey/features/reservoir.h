#ifndef VICKREY_FEATURES_RESERVOIR_H_
#define VICKREY_FEATURES_RESERVOIR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vickrey/base/random.h"

namespace vickrey::features {

// A uniform sample of the values of a stream: all of them up to `capacity`, so many of them from then on, each set of
// that size equally likely. Algorithm L (Li, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))", ACM
// TOMS 20, 1994): random numbers are drawn for the values that are taken only, so one that is not costs a comparison.
// Memory grows as values come.
//
// Not thread-safe.
class Reservoir {
 public:
  // REQUIRES: capacity >= 1. The sample is a function of `random` and the values.
  Reservoir(size_t capacity, const base::RandomStream& random) : capacity_(capacity), random_(random) {}

  void Add(float x) {
    if (--until_next_ == 0) Take(x);
  }
  // In no order.
  const std::vector<float>& values() const { return values_; }

 private:
  void Take(float x);
  void DrawSkip();

  const size_t capacity_;
  base::RandomStream random_;
  std::vector<float> values_;
  double largest_ = 1;      // of the uniform numbers that the values of the sample, its least ones, stand for
  int64_t until_next_ = 1;  // the value to come that is taken
};

}  // namespace vickrey::features

#endif  // VICKREY_FEATURES_RESERVOIR_H_
