// Generated arithmetic: problems, their text, and the parts that they fall into.
#ifndef TRAINER_ARITHMETIC_PROBLEMS_H_
#define TRAINER_ARITHMETIC_PROBLEMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/arithmetic.pb.h"

namespace vickrey::trainer::arithmetic {

// What is asked: a + b or a * b. Operands are 0 or more.
struct Problem {
  int64_t a = 0, b = 0;
  friend auto operator<=>(const Problem&, const Problem&) = default;
};

// The parts, which have no problem in common: every pair of operands lies in one of them.
enum class Split {
  kTrain,
  kInterpolation,  // both operands in the trained range, the pair never trained on, in neither order
  kExtrapolation,  // no more digits than trained on, an operand above the trained range
  kLonger,         // an operand has one digit more than any that was trained on
};
std::string_view NameOf(Split split);

// All problems of a task, sorted into splits and drawn at random: each draw is a function of the seed and its index.
//
// Immutable, so thread-safe.
class Problems {
 public:
  // `config`: finished. INVALID_ARGUMENT by field where the trained range does not fit `digits`, or where the seed
  // leaves nothing to train on.
  static absl::StatusOr<Problems> Create(const vickrey::config::v1::ArithmeticConfig& config);

  Split SplitOf(Problem problem) const;

  // Problem `index` of an endless sequence in which training goes through its split, both operands uniform in the
  // trained range.
  Problem Trained(int64_t index) const;

  // Up to `count` different problems of a split, in the order in which they are drawn: both operands uniform in what
  // has the split's number of digits. Fewer where the split has not many more than so many.
  std::vector<Problem> Sample(Split split, int64_t count) const;

  int64_t AnswerOf(Problem problem) const { return multiplies_ ? problem.a * problem.b : problem.a + problem.b; }

  // "12+34="
  std::string Question(Problem problem) const;
  // "46", or "64" where answers are written in the reverse order.
  std::string Answer(Problem problem) const;
  // The number that the text of an answer stands for, leading zeros allowed; nothing where it is none: empty, with a
  // character that is no digit, or longer than `most_digits`.
  std::optional<int64_t> NumberOf(std::string_view answer) const;

  // Characters of the longest question and of the longest answer, of every split.
  int64_t most_question() const { return 2 * (digits_ + 1) + 2; }
  int64_t most_digits() const { return multiplies_ ? 2 * (digits_ + 1) : digits_ + 2; }

 private:
  explicit Problems(const vickrey::config::v1::ArithmeticConfig& config);
  // Nothing if none of many attempts was of the split.
  std::optional<Problem> Draw(Split split, uint64_t stream, int64_t index) const;

  uint64_t seed_;
  bool multiplies_, reversed_;
  int64_t digits_;
  int64_t largest_;   // in the trained range
  int64_t too_long_;  // the least number with more digits than trained on
  double held_out_;
};

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_PROBLEMS_H_
