#include "trainer/loss/elementwise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/loss/elementwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "trainer/loss/softplus-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::trainer::HWY_NAMESPACE {

using D = hn::CappedTag<double, kPadding>;
using V = hn::Vec<D>;

void Describe(int64_t n, const double* bids, const double* logits, double* log_bids, double* tails, double* f,
              double* rest, double* log_f) {
  const D d;
  const V zero = hn::Zero(d), one = hn::Set(d, 1);
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    const V u = hn::LoadU(d, logits + i);
    const V e = ExpOfNegative(d, hn::Neg(hn::Abs(u)));
    const V tail = Log1pOfFraction(d, e), sum = hn::Add(one, e);
    const auto positive = hn::Ge(u, zero);
    hn::StoreU(hn::Log(d, hn::LoadU(d, bids + i)), d, log_bids + i);
    hn::StoreU(tail, d, tails + i);
    hn::StoreU(hn::Div(hn::IfThenElse(positive, one, e), sum), d, f + i);
    hn::StoreU(hn::Div(hn::IfThenElse(positive, e, one), sum), d, rest + i);
    hn::StoreU(hn::Sub(hn::Min(u, zero), tail), d, log_f + i);
  }
}

double SoftmaxOf(int64_t n, const double* scores, double temperature, double* p) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const double greatest = *std::max_element(scores, scores + n);
  const V top = hn::Set(d, greatest), inverse = hn::Set(d, 1 / temperature);
  const auto power = [&](V score) { return hn::Exp(d, hn::Mul(hn::Sub(score, top), inverse)); };
  V sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V e = power(hn::LoadU(d, scores + i));
    sums = hn::Add(sums, e);
    hn::StoreU(e, d, p + i);
  }
  if (i < n) {  // beyond the last, minus infinity
    HWY_ALIGN double rest[kPadding];
    std::fill(std::copy(scores + i, scores + n, rest), rest + kPadding, -std::numeric_limits<double>::infinity());
    const V e = power(hn::Load(d, rest));
    sums = hn::Add(sums, e);
    hn::Store(e, d, rest);
    std::copy(rest, rest + (n - i), p + i);
  }
  const double sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (i = 0; i < n; ++i) p[i] /= sum;
  return greatest / temperature + std::log(sum);
}

}  // namespace vickrey::trainer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::trainer {

HWY_EXPORT(Describe);
HWY_EXPORT(SoftmaxOf);

void DescribeCandidates(int64_t n, const double* bids, const double* logits, double* log_bids, double* tails, double* f,
                        double* rest, double* log_f) {
  HWY_DYNAMIC_DISPATCH(Describe)(n, bids, logits, log_bids, tails, f, rest, log_f);
}

double Softmax(int64_t n, const double* scores, double temperature, double* p) {
  return HWY_DYNAMIC_DISPATCH(SoftmaxOf)(n, scores, temperature, p);
}

}  // namespace vickrey::trainer
#endif  // HWY_ONCE
