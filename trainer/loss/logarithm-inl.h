// log(1 + x) for x in [0, 1]. Included once for each instruction set.
#if defined(TRAINER_LOSS_LOGARITHM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRAINER_LOSS_LOGARITHM_INL_H_
#undef TRAINER_LOSS_LOGARITHM_INL_H_
#else
#define TRAINER_LOSS_LOGARITHM_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vickrey::trainer::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// 2 atanh(r), r = x / (2 + x) in [0, 1/3]: the series 2 r (1 + r^2/3 + r^4/5 + ...), as long as the type's precision
// asks, its even and odd terms side by side. No range reduction, and no loss for small x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1pOfFraction(D d, V x) {
  using T = hn::TFromD<D>;
  const V r = hn::Div(x, hn::Add(hn::Set(d, 2), x)), y = hn::Mul(r, r), y2 = hn::Mul(y, y);
  constexpr int kTerms = sizeof(T) == 4 ? 8 : 18;  // even
  V even = hn::Set(d, T{1} / (2 * kTerms - 3)), odd = hn::Set(d, T{1} / (2 * kTerms - 1));
  HWY_UNROLL(8)
  for (int k = kTerms - 4; k >= 0; k -= 2) {
    even = hn::MulAdd(even, y2, hn::Set(d, T{1} / static_cast<T>(2 * k + 1)));
    odd = hn::MulAdd(odd, y2, hn::Set(d, T{1} / static_cast<T>(2 * k + 3)));
  }
  return hn::Mul(hn::Add(r, r), hn::MulAdd(odd, y, even));
}

}  // namespace vickrey::trainer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
