#include "trainer/loss/pairs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

// Compiled once for each instruction set that the compiler knows; the machine's is picked when the program runs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/loss/pairs.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "trainer/loss/softplus-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::trainer::HWY_NAMESPACE {

// What a term and its derivative by d are multiplied with once the sums are done.
struct Factors {
  double value = 1, slope = 1;
};

// Terms: from d and D of unordered pairs as they come, and the pairs' weights, the value and its derivative by d.

template <class D, class V = hn::Vec<D>>
struct Logistic {
  explicit Logistic(const PairTerm& term) : k(hn::Set(D(), static_cast<hn::TFromD<D>>(term.k))), slope(term.k) {}
  Factors factors() const { return {1, slope}; }
  HWY_INLINE void operator()(V d, V difference, V weight, V* value, V* derivative) const {
    const D tag;
    const V one = hn::Set(tag, 1), sign = hn::And(hn::SignBit(tag), difference);
    const V z = hn::Xor(hn::Mul(k, d), sign);
    const V e = ExpOfNegative(tag, hn::Neg(hn::Abs(z)));
    const V amount = hn::Mul(weight, hn::Abs(difference));
    *value = hn::Mul(amount, hn::Add(hn::Max(hn::Neg(z), hn::Zero(tag)), Log1pOfFraction(tag, e)));
    // Of -z.
    const V sigmoid = hn::Mul(hn::IfThenElse(hn::Lt(z, hn::Zero(tag)), one, e), Reciprocal(tag, hn::Add(one, e)));
    *derivative = hn::Xor(hn::Neg(hn::Mul(amount, sigmoid)), sign);
  }
  V k;
  double slope;
};

template <class D, class V = hn::Vec<D>>
struct Hinge {
  explicit Hinge(const PairTerm& term) : k(hn::Set(D(), static_cast<hn::TFromD<D>>(term.k))), slope(term.k) {}
  Factors factors() const { return {1, slope}; }
  HWY_INLINE void operator()(V d, V difference, V weight, V* value, V* derivative) const {
    const D tag;
    const V sign = hn::And(hn::SignBit(tag), difference);
    const V margin = hn::Sub(hn::Set(tag, 1), hn::Xor(hn::Mul(k, d), sign));
    const V amount = hn::IfThenElseZero(hn::Gt(margin, hn::Zero(tag)), hn::Mul(weight, hn::Abs(difference)));
    *value = hn::Mul(amount, margin);
    *derivative = hn::Xor(hn::Neg(amount), sign);
  }
  V k;
  double slope;
};

// tanh x and its derivative.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void TanhOf(D tag, V x, V* tanh, V* derivative) {
  const V one = hn::Set(tag, 1), two = hn::Set(tag, 2), four = hn::Set(tag, 4);
  const V away = hn::Mul(hn::Neg(two), hn::Abs(x));
  // exp - 1 where x is small, exp where it is large: neither loses digits there.
  const V less_one = hn::Expm1(tag, away), e = ExpOfNegative(tag, away), sum = hn::Add(one, e);
  *tanh = hn::CopySign(hn::Div(hn::Neg(less_one), hn::Add(two, less_one)), x);
  *derivative = hn::Div(hn::Mul(four, e), hn::Mul(sum, sum));
}

template <class D, class V = hn::Vec<D>>
struct Tanh {
  explicit Tanh(const PairTerm& term)
      : half_k(hn::Set(D(), static_cast<hn::TFromD<D>>(term.k / 2))), slope(term.k / 2) {}
  Factors factors() const { return {-1, -slope}; }
  HWY_INLINE void operator()(V d, V difference, V weight, V* value, V* derivative) const {
    V tanh, sech2;
    TanhOf(D(), hn::Mul(half_k, d), &tanh, &sech2);
    const V amount = hn::Mul(weight, difference);
    *value = hn::Mul(amount, tanh);
    *derivative = hn::Mul(amount, sech2);
  }
  V half_k;
  double slope;
};

// -(sigmoid(k D d) - 1/2) |D|^power = -1/2 tanh(k D d / 2) |D|^power; by d: -k/4 D |D|^power sech^2.
template <class D, class V = hn::Vec<D>>
struct Gmadl {
  using T = hn::TFromD<D>;
  explicit Gmadl(const PairTerm& term)
      : half_k(hn::Set(D(), static_cast<T>(term.k / 2))), power(term.power), slope(term.k / 4) {}
  Factors factors() const { return {-.5, -slope}; }
  HWY_INLINE V Powered(V size) const {
    const D tag;
    if (power == 1) return size;
    if (power == 0) return hn::Set(tag, 1);
    constexpr double kGreatest = sizeof(T) == 4 ? 88 : 709;  // logarithms of what T holds
    const V exponent = hn::Mul(hn::Set(tag, static_cast<T>(power)),
                               hn::Log(tag, hn::Max(size, hn::Set(tag, std::numeric_limits<T>::min()))));
    const V result = hn::IfThenElse(hn::Gt(exponent, hn::Set(tag, static_cast<T>(kGreatest))),
                                    hn::Set(tag, std::numeric_limits<T>::infinity()), hn::Exp(tag, exponent));
    return hn::IfThenElseZero(hn::Gt(size, hn::Zero(tag)), result);
  }
  HWY_INLINE void operator()(V d, V difference, V weight, V* value, V* derivative) const {
    const D tag;
    V tanh, sech2;
    TanhOf(tag, hn::Mul(hn::Mul(half_k, difference), d), &tanh, &sech2);
    // A weight of 0 is one beyond the last candidate: nothing there may become infinity x 0.
    const V some = hn::IfThenElseZero(hn::Gt(weight, hn::Zero(tag)), difference);
    const V amount = hn::Mul(weight, Powered(hn::Abs(some)));
    *value = hn::Mul(amount, tanh);
    *derivative = hn::Mul(hn::Mul(amount, difference), sech2);
  }
  V half_k;
  double power, slope;
};

// The terms without a derivative.

template <class D, class V = hn::Vec<D>>
struct ZeroOne {
  explicit ZeroOne(const PairTerm& term) : with_sign(term.kind == PairTerm::Kind::kSignedZeroOne) {}
  Factors factors() const { return {}; }
  HWY_INLINE void operator()(V d, V difference, V weight, V* value, V* derivative) const {
    const D tag;
    const V zero = hn::Zero(tag), turned = hn::Xor(d, hn::And(hn::SignBit(tag), difference));
    const V amount = hn::Mul(weight, hn::Abs(difference));
    *value = hn::IfThenElseZero(hn::Le(turned, zero), amount);
    if (with_sign) *value = hn::Sub(*value, hn::IfThenElseZero(hn::Ge(turned, zero), amount));
    *derivative = zero;
  }
  bool with_sign;
};

template <class D, class V = hn::Vec<D>>
struct Madl {
  explicit Madl(const PairTerm&) {}
  Factors factors() const { return {-1, 1}; }
  HWY_INLINE void operator()(V d, V difference, V weight, V* value, V* derivative) const {
    const D tag;
    const V amount = hn::Mul(weight, difference), zero = hn::Zero(tag);
    *value = hn::Sub(hn::IfThenElseZero(hn::Gt(d, zero), amount), hn::IfThenElseZero(hn::Lt(d, zero), amount));
    *derivative = zero;
  }
};

template <typename T>
T* BufferOf(PairBuffers* buffers, int64_t size) {
  auto& buffer = [buffers]() -> auto& {
    if constexpr (sizeof(T) == sizeof(float)) {
      return buffers->single;
    } else {
      return buffers->wide;
    }
  }
  ();
  if (buffer.size() < static_cast<size_t>(size)) buffer.resize(size);
  return buffer.data();
}

// One sum. Scores, targets and weights as T, and what is to become the derivatives. Differences of scores are all that
// counts, so as float they are taken from the greatest: near it, where they matter, a float keeps them. A double keeps
// them as they are, and ties only what is equal.
template <template <class, class> class Term, typename T>
class Sum {
 public:
  Sum(const PairTerm& term, int64_t n, const double* scores, const double* targets, const double* weights,
      PairBuffers* buffers)
      : term_(term), n_(n), stride_(2 * n + kLanes) {
    const int64_t apart = n <= kFew ? n / 2 : 0;
    T* buffer = BufferOf<T>(buffers, (4 + apart) * stride_);
    s_ = buffer;
    v_ = s_ + stride_;
    w_ = v_ + stride_;
    g_ = w_ + stride_;
    slopes_ = g_ + stride_;
    const double from = std::is_same_v<T, float> ? *std::max_element(scores, scores + n) : 0;
    for (int64_t i = 0; i < n; ++i) s_[i] = static_cast<T>(scores[i] - from);
    for (int64_t i = 0; i < n; ++i) v_[i] = static_cast<T>(targets[i]);
    // Weights whose product T could not hold in full are as good as none, and slow a machine down a hundredfold.
    const double least = std::sqrt(static_cast<double>(std::numeric_limits<T>::min()));
    for (int64_t i = 0; i < n; ++i) {
      w_[i] = weights == nullptr ? T{1} : weights[i] < least ? T{0} : static_cast<T>(weights[i]);
    }
  }

  // Row by row: all pairs, or those with candidate `only`.
  double Rows(int64_t only) {
    for (T* values : {s_, v_, w_}) std::fill_n(values + n_, kLanes, T{0});
    std::fill_n(g_, n_ + kLanes, T{0});
    double sum = 0;
    const int64_t first = only < 0 ? 0 : only, last = only < 0 ? n_ - 1 : only + 1;
    for (int64_t i = first; i < last; ++i) {
      if (w_[i] == 0) continue;
      const V si = hn::Set(tag_, s_[i]), vi = hn::Set(tag_, v_[i]), wi = hn::Set(tag_, w_[i]);
      V values = hn::Zero(tag_), slopes = hn::Zero(tag_);
      for (int64_t j = only < 0 ? i + 1 : 0; j < n_; j += kLanes) {
        V value, slope;
        term_(hn::Sub(si, hn::LoadU(tag_, s_ + j)), hn::Sub(vi, hn::LoadU(tag_, v_ + j)),
              hn::Mul(wi, hn::LoadU(tag_, w_ + j)), &value, &slope);
        values = hn::Add(values, value);
        slopes = hn::Add(slopes, slope);
        hn::StoreU(hn::Sub(hn::LoadU(tag_, g_ + j), slope), tag_, g_ + j);
      }
      sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag_, values)));
      g_[i] += hn::GetLane(hn::SumOfLanes(tag_, slopes));
    }
    return sum;
  }

  // Few candidates: lane i has the pair (i, i + apart), round the auction, for one distance after the other. Nothing
  // waits for what was stored just before, as the short rows would.
  double Round() {
    for (T* values : {s_, v_, w_}) {
      std::copy_n(values, n_, values + n_);
      std::fill_n(values + 2 * n_, kLanes, T{0});
    }
    std::fill_n(g_, n_ + kLanes, T{0});
    V values = hn::Zero(tag_);
    for (int64_t apart = 1; 2 * apart <= n_; ++apart) {
      T* slopes = slopes_ + (apart - 1) * stride_;
      const int64_t pairs = 2 * apart < n_ ? n_ : apart;  // opposite each other: each pair once
      for (int64_t i = 0; i < n_; i += kLanes) {
        const auto counts = hn::FirstN(tag_, static_cast<size_t>(std::max<int64_t>(pairs - i, 0)));
        const V weight = hn::Mul(hn::LoadU(tag_, w_ + i), hn::LoadU(tag_, w_ + i + apart));
        V value, slope;
        term_(hn::Sub(hn::LoadU(tag_, s_ + i), hn::LoadU(tag_, s_ + i + apart)),
              hn::Sub(hn::LoadU(tag_, v_ + i), hn::LoadU(tag_, v_ + i + apart)), hn::IfThenElseZero(counts, weight),
              &value, &slope);
        values = hn::Add(values, value);
        hn::StoreU(hn::Add(hn::LoadU(tag_, g_ + i), slope), tag_, g_ + i);
        hn::StoreU(slope, tag_, slopes + i);
      }
      // A second time round, over what the last vector wrote beyond the auction.
      for (int64_t i = 0; i < n_; i += kLanes) hn::StoreU(hn::LoadU(tag_, slopes + i), tag_, slopes + n_ + i);
    }
    for (int64_t i = 0; i < n_; i += kLanes) {
      V slope = hn::LoadU(tag_, g_ + i);
      for (int64_t apart = 1; 2 * apart <= n_; ++apart) {
        slope = hn::Sub(slope, hn::LoadU(tag_, slopes_ + (apart - 1) * stride_ + n_ - apart + i));
      }
      hn::StoreU(slope, tag_, g_ + i);
    }
    return static_cast<double>(hn::GetLane(hn::SumOfLanes(tag_, values)));
  }

  // The sum; its derivatives go to `gradient`.
  double Of(int64_t only, double* gradient) {
    const double sum = only < 0 && n_ <= kFew ? Round() : Rows(only);
    const Factors factors = term_.factors();
    for (int64_t i = 0; i < n_; ++i) gradient[i] = factors.slope * static_cast<double>(g_[i]);
    return factors.value * sum;
  }

 private:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  static constexpr int64_t kLanes = hn::MaxLanes(D());
  static constexpr int64_t kFew = 32;

  const D tag_;
  const Term<D, V> term_;
  const int64_t n_, stride_;
  T *s_, *v_, *w_, *g_, *slopes_;
};

template <template <class, class> class Term>
double InPrecision(const PairTerm& term, int64_t n, const double* scores, const double* targets, const double* weights,
                   int64_t only, Precision precision, PairBuffers* buffers, double* gradient) {
  return precision == Precision::kSingle
             ? Sum<Term, float>(term, n, scores, targets, weights, buffers).Of(only, gradient)
             : Sum<Term, double>(term, n, scores, targets, weights, buffers).Of(only, gradient);
}

double SumOverPairsOf(const PairTerm& term, int64_t n, const double* scores, const double* targets,
                      const double* weights, int64_t only, Precision precision, PairBuffers* buffers,
                      double* gradient) {
  const auto sum = [&]<template <class, class> class Term>() {
    return InPrecision<Term>(term, n, scores, targets, weights, only, precision, buffers, gradient);
  };
  switch (term.kind) {
    case PairTerm::Kind::kLogistic:
      return sum.template operator()<Logistic>();
    case PairTerm::Kind::kHinge:
      return sum.template operator()<Hinge>();
    case PairTerm::Kind::kTanh:
      return sum.template operator()<Tanh>();
    case PairTerm::Kind::kGmadl:
      return sum.template operator()<Gmadl>();
    case PairTerm::Kind::kMadl:
      return sum.template operator()<Madl>();
    case PairTerm::Kind::kZeroOne:
    case PairTerm::Kind::kSignedZeroOne:
      return sum.template operator()<ZeroOne>();
  }
  return 0;
}

}  // namespace vickrey::trainer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::trainer {

HWY_EXPORT(SumOverPairsOf);

double SumOverPairs(const PairTerm& term, int64_t n, const double* scores, const double* targets, const double* weights,
                    int64_t only, Precision precision, PairBuffers* buffers, double* gradient) {
  if (n < 2) {
    std::fill_n(gradient, n, 0);
    return 0;
  }
  return HWY_DYNAMIC_DISPATCH(SumOverPairsOf)(term, n, scores, targets, weights, only, precision, buffers, gradient);
}

}  // namespace vickrey::trainer
#endif  // HWY_ONCE
