// What softplus and sigmoid are made of, for arguments that are not above 0. Included once for each instruction set.
#if defined(TRAINER_LOSS_SOFTPLUS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRAINER_LOSS_SOFTPLUS_INL_H_
#undef TRAINER_LOSS_SOFTPLUS_INL_H_
#else
#define TRAINER_LOSS_SOFTPLUS_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace vickrey::trainer::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// exp(x) for x <= 0. In float by a polynomial of 2^f, f in [-1/2, 1/2], its relative error below 1e-7 (the
// coefficients: a minimax fit), half the work of a general exp; less than 2^-126 becomes that.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOfNegative(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V power = hn::Max(hn::Mul(x, hn::Set(d, 1.442695040888963f)), hn::Set(d, -126.f));
    const V whole = hn::Round(power), f = hn::Sub(power, whole), f2 = hn::Mul(f, f);
    const V low = hn::MulAdd(hn::Set(d, 0.693146967f), f, hn::Set(d, 1.00000007f));
    const V middle = hn::MulAdd(hn::Set(d, 0.0555071307f), f, hn::Set(d, 0.240221197f));
    const V high = hn::MulAdd(hn::Set(d, 0.00132765396f), f, hn::Set(d, 0.00967554215f));
    const V fraction = hn::MulAdd(hn::MulAdd(high, f2, middle), f2, low);
    const hn::Rebind<int32_t, D> di;
    return hn::BitCast(d, hn::Add(hn::BitCast(di, fraction), hn::ShiftLeft<23>(hn::ConvertTo(di, whole))));
  } else {
    return hn::Exp(d, x);
  }
}

// log(1 + x) for x in [0, 1], without a loss for small x and without a reduction of the range.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1pOfFraction(D d, V x) {
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 4) {  // x times a minimax polynomial, relative error below 1e-7
    constexpr float kEven[] = {0.99999997f, 0.333190969f, 0.191060098f, 0.0782260264f, 0.00523270563f};
    constexpr float kOdd[] = {-0.499994931f, -0.24842983f, -0.136632521f, -0.0295052844f};
    const V x2 = hn::Mul(x, x);
    V even = hn::Set(d, kEven[4]), odd = hn::Set(d, kOdd[3]);
    for (int k = 3; k >= 0; --k) even = hn::MulAdd(even, x2, hn::Set(d, kEven[k]));
    for (int k = 2; k >= 0; --k) odd = hn::MulAdd(odd, x2, hn::Set(d, kOdd[k]));
    return hn::Mul(x, hn::MulAdd(odd, x, even));
  } else {                      // 2 atanh(r), r = x / (2 + x) in [0, 1/3]: the series 2 r (1 + r^2/3 + r^4/5 + ...)
    constexpr int kTerms = 18;  // even
    const V r = hn::Div(x, hn::Add(hn::Set(d, 2), x)), y = hn::Mul(r, r), y2 = hn::Mul(y, y);
    V even = hn::Set(d, T{1} / (2 * kTerms - 3)), odd = hn::Set(d, T{1} / (2 * kTerms - 1));
    HWY_UNROLL(8)
    for (int k = kTerms - 4; k >= 0; k -= 2) {
      even = hn::MulAdd(even, y2, hn::Set(d, T{1} / static_cast<T>(2 * k + 1)));
      odd = hn::MulAdd(odd, y2, hn::Set(d, T{1} / static_cast<T>(2 * k + 3)));
    }
    return hn::Mul(hn::Add(r, r), hn::MulAdd(odd, y, even));
  }
}

// 1 / x. Of floats by an approximation and Newton's steps: as exact as a division up to the last digit or two.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Reciprocal(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    V r = hn::ApproximateReciprocal(x);
    const V two = hn::Set(d, 2);
    r = hn::Mul(r, hn::NegMulAdd(x, r, two));
    return hn::Mul(r, hn::NegMulAdd(x, r, two));
  } else {
    return hn::Div(hn::Set(d, 1), x);
  }
}

}  // namespace vickrey::trainer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
