#ifndef VICKREY_MODEL_SOFTMAX_H_
#define VICKREY_MODEL_SOFTMAX_H_

#include <cstdint>

namespace vickrey::model {

// Makes each of `rows` rows of `count` scores, which are `stride` floats apart,
//
//   e[k] = exp(score[k] - max over l of score[l]),   inverse[i] = 1 / sum over k of e[k],
//
// whose products are the softmax of row i. Where a score is not a number, or is plus infinity, or all are minus
// infinity, inverse[i] is not a number either. Bits depend on the row's own scores alone, for equal instruction sets.
// Thread-safe. REQUIRES: count >= 1; rows are readable and writable up to a multiple of PackedMatrix::kPanel floats.
// What lies there behind `count` has no part in the result, and may change.
void Softmax(int64_t rows, int64_t count, float* scores, int64_t stride, float* inverse);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_SOFTMAX_H_
