#include "vickrey/metric/misordering.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/metric/misordering.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vickrey::metric::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kColumns = 8;  // of the sum: the doubles of the widest vector, whatever the machine's is

double Misordering(const double* scores, const double* worths, size_t n) {
  const hn::CappedTag<double, kColumns> d;
  HWY_ALIGN double columns[kColumns];
  for (size_t column = 0; column < kColumns; column += hn::Lanes(d)) {
    auto sum = hn::Zero(d);
    for (size_t i = 0; i < n; ++i) {
      const auto score = hn::Set(d, scores[i]), worth = hn::Set(d, worths[i]);
      for (size_t j = column; j < n; j += kColumns) {
        // Behind the last, -infinity is less than any score.
        const auto wrong = hn::Le(score, hn::LoadU(d, scores + j));
        const auto lost = hn::Max(hn::Sub(worth, hn::LoadU(d, worths + j)), hn::Zero(d));
        sum = hn::Add(sum, hn::IfThenElseZero(wrong, lost));
      }
    }
    hn::Store(sum, d, columns + column);
  }
  double sum = 0;
  for (const double column : columns) sum += column;
  return sum;
}

}  // namespace vickrey::metric::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::metric {

HWY_EXPORT(Misordering);

double Misordering(const double* scores, const double* worths, size_t n) {
  return HWY_DYNAMIC_DISPATCH(Misordering)(scores, worths, n);
}

}  // namespace vickrey::metric
#endif  // HWY_ONCE
