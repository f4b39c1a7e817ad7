#include "vickrey/features/reservoir.h"

#include <cmath>

namespace vickrey::features {

void Reservoir::Take(float x) {
  until_next_ = 1;
  if (values_.size() < capacity_) {
    values_.push_back(x);
    if (values_.size() == capacity_) DrawSkip();
    return;
  }
  values_[random_.Below(capacity_)] = x;
  DrawSkip();
}

// As if each value had a uniform number of its own and the least `capacity` of them were the sample: the greatest of
// those shrinks by the factor U^(1 / capacity) with each value taken, and the next to come below it is geometric.
void Reservoir::DrawSkip() {
  constexpr double kFar = 0x1p62;  // no stream is so long
  largest_ *= std::exp(std::log(random_.Uniform()) / static_cast<double>(capacity_));
  const double skipped = std::floor(std::log(random_.Uniform()) / std::log1p(-largest_));
  until_next_ = skipped < kFar ? 1 + static_cast<int64_t>(skipped) : static_cast<int64_t>(kFar);
}

}  // namespace vickrey::features
