// How good a digit transformer's answers are.
#ifndef TRAINER_ARITHMETIC_JUDGE_H_
#define TRAINER_ARITHMETIC_JUDGE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/arithmetic/digit_transformer.h"
#include "trainer/arithmetic/problems.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer::arithmetic {

// The text that a network writes behind each question, most probable token by token, up to and without its end; cut off
// where it is a digit longer than any answer. CANCELLED when a signal came.
absl::StatusOr<std::vector<std::string>> AnswersOf(const Problems& problems, std::span<const Problem> asked,
                                                   const DigitTransformer& network);

// Answers against what is right. `accuracy` is the share of texts that are right to the character. An answer that is
// no number (Problems::NumberOf) is taken for 0, so its error is the right number itself: it can neither be left out,
// which would reward silence, nor be far off. How many there are is said, and the mean error of the others by itself.
//
// Everything but `split` and `problems` is unset where nothing was asked. REQUIRES: `asked` and `answers` have one
// size.
vickrey::v1::ArithmeticSplitLine Judge(const Problems& problems, Split split, std::span<const Problem> asked,
                                       std::span<const std::string> answers);

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_JUDGE_H_
