#include "vickrey/model/softmax.h"

#include <algorithm>
#include <limits>

#include "vickrey/model/matrix.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/model/softmax.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace vickrey::model::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, PackedMatrix::kPanel>;
using V = hn::Vec<D>;

constexpr float kZeroFrom = -200;  // from there down the exponential function is 0 in this type

void Softmax(int64_t rows, int64_t count, float* scores, int64_t stride, float* inverse) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Which lanes of the vector at `k` are scores.
  const auto scores_at = [&](int64_t k) { return hn::FirstN(d, static_cast<size_t>(std::min(count - k, lanes))); };
  for (int64_t i = 0; i < rows; ++i) {
    float* const row = scores + i * stride;
    V most = hn::Set(d, row[0]);
    for (int64_t k = 0; k < count; k += lanes) {
      most = hn::IfThenElse(scores_at(k), hn::Max(most, hn::LoadU(d, row + k)), most);
    }
    most = hn::MaxOfLanes(d, most);
    V sum = hn::Zero(d);
    for (int64_t k = 0; k < count; k += lanes) {
      const V below = hn::Sub(hn::LoadU(d, row + k), most);
      const auto number = hn::Eq(below, below);
      // Exp makes an integer of its argument, which must have one: whatever lies behind `count`, too.
      const V power = hn::Exp(d, hn::Clamp(hn::IfThenElseZero(number, below), hn::Set(d, kZeroFrom), hn::Zero(d)));
      const V shown = hn::IfThenElse(number, power, below);
      const V kept = hn::IfThenElseZero(scores_at(k), shown);
      hn::StoreU(kept, d, row + k);
      sum = hn::Add(sum, kept);
    }
    const float total = hn::GetLane(hn::SumOfLanes(d, sum));
    // 0 where all are minus infinity, of which MaxOfLanes makes the least finite number for some instruction sets.
    inverse[i] = total == 0 ? std::numeric_limits<float>::quiet_NaN() : 1 / total;
  }
}

}  // namespace
}  // namespace vickrey::model::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::model {

HWY_EXPORT(Softmax);

void Softmax(int64_t rows, int64_t count, float* scores, int64_t stride, float* inverse) {
  HWY_DYNAMIC_DISPATCH(Softmax)(rows, count, scores, stride, inverse);
}

}  // namespace vickrey::model
#endif  // HWY_ONCE
