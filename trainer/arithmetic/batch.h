// Problems as rows of tokens.
#ifndef TRAINER_ARITHMETIC_BATCH_H_
#define TRAINER_ARITHMETIC_BATCH_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "trainer/arithmetic/problems.h"

namespace vickrey::trainer::arithmetic {

// Questions with their answers, and what is to be learned of them: every token of an answer and its end, each from what
// stands before it. The digits of a question are random, so nobody is asked to foretell them.
struct Batch {
  at::Tensor tokens;  // (rows, length), int64, without the last token of the longest row; filled up with kEnd
  // Places in tokens, row by row, behind which an answer has a digit, and the digits.
  at::Tensor before_digits, digits;  // (answers' digits), int64
  // Places behind which an answer ends.
  at::Tensor before_ends;  // (rows), int64
};

// REQUIRES: at least one problem.
Batch BatchOf(const Problems& problems, std::span<const Problem> chosen);

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_BATCH_H_
