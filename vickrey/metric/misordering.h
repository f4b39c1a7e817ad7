#ifndef VICKREY_METRIC_MISORDERING_H_
#define VICKREY_METRIC_MISORDERING_H_

#include <cstddef>

namespace vickrey::metric {

// The weighted misordering of n candidates ranked by `scores`:
//
//   R = sum over ordered pairs (i, j) of (v_i - v_j)+ 1{s_i <= s_j},   v = `worths`
//
// what is lost where a pair alone decides and is in the wrong order, or tied. With one slot that is sold, and no
// reserve, the regret is one of its terms or 0, so regret <= R. Quadratic in n. The same bits on every machine: terms
// are summed in eight columns, by j mod 8, and the columns one after the other.
//
// REQUIRES: both arrays are readable up to n rounded up to a multiple of 8, and there `scores` are -infinity.
double Misordering(const double* scores, const double* worths, size_t n);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_MISORDERING_H_
