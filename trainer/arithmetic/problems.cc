#include "trainer/arithmetic/problems.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "trainer/arithmetic/vocabulary.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer::arithmetic {
namespace {

using vickrey::config::v1::ArithmeticConfig;

constexpr int kAttempts = 10'000;      // of one draw: a split that is not empty has a share of 1 in 100 or so
constexpr int64_t kDrawsPerEach = 50;  // of a sample without repetition

int64_t PowerOfTen(int64_t exponent) {
  int64_t power = 1;
  for (int64_t i = 0; i < exponent; ++i) power *= 10;
  return power;
}

}  // namespace

std::string_view NameOf(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kInterpolation:
      return "interpolation";
    case Split::kExtrapolation:
      return "extrapolation";
    case Split::kLonger:
      break;
  }
  return "longer";
}

Problems::Problems(const ArithmeticConfig& config)
    : seed_(config.seed()),
      multiplies_(config.task() == "multiplication"),
      reversed_(config.order() == "least_significant_first"),
      digits_(config.digits()),
      largest_(config.largest()),
      too_long_(PowerOfTen(config.digits())),
      held_out_(config.held_out()) {}

absl::StatusOr<Problems> Problems::Create(const ArithmeticConfig& config) {
  Problems problems(config);
  // Of `digits` digits; five numbers at least, or a split may well be empty. The last number is for extrapolation.
  const int64_t least = std::max<int64_t>(problems.too_long_ / 10, 4), most = problems.too_long_ - 2;
  if (config.largest() < least || config.largest() > most) {
    return base::InvalidField(
        "largest", absl::StrCat(config.largest(), " is out of range; with digits ", config.digits(), " ", least, " to ",
                                most, " are allowed, so that something lies above it"));
  }
  if (!problems.Draw(Split::kTrain, base::StreamId("arithmetic.train"), 0).has_value()) {
    return base::InvalidField("held_out", "leaves nothing to train on with this seed; a lower one may");
  }
  return problems;
}

Split Problems::SplitOf(Problem problem) const {
  const auto [least, most] = std::minmax(problem.a, problem.b);
  if (most >= too_long_) return Split::kLonger;
  if (most > largest_) return Split::kExtrapolation;
  // The order of operands does not matter: who has seen 3 + 5 knows 5 + 3.
  base::RandomStream random(seed_, base::StreamId("arithmetic.held_out"),
                            static_cast<uint64_t>(least * too_long_ + most));
  return random.Bernoulli(held_out_) ? Split::kInterpolation : Split::kTrain;
}

std::optional<Problem> Problems::Draw(Split split, uint64_t stream, int64_t index) const {
  base::RandomStream random(seed_, stream, static_cast<uint64_t>(index));
  const int64_t bound = split == Split::kLonger          ? 10 * too_long_
                        : split == Split::kExtrapolation ? too_long_
                                                         : largest_ + 1;
  for (int i = 0; i < kAttempts; ++i) {
    Problem problem;
    problem.a = static_cast<int64_t>(random.Below(static_cast<uint64_t>(bound)));
    problem.b = static_cast<int64_t>(random.Below(static_cast<uint64_t>(bound)));
    if (SplitOf(problem) == split) return problem;
  }
  return std::nullopt;
}

Problem Problems::Trained(int64_t index) const {
  return Draw(Split::kTrain, base::StreamId("arithmetic.train"), index).value_or(Problem());
}

std::vector<Problem> Problems::Sample(Split split, int64_t count) const {
  const uint64_t stream = base::StreamId("arithmetic.judge." + std::string(NameOf(split)));
  std::vector<Problem> sample;
  std::set<Problem> drawn;
  for (int64_t index = 0; index < kDrawsPerEach * count && static_cast<int64_t>(sample.size()) < count; ++index) {
    const auto problem = Draw(split, stream, index);
    if (!problem.has_value()) break;
    if (drawn.insert(*problem).second) sample.push_back(*problem);
  }
  return sample;
}

std::string Problems::Question(Problem problem) const {
  return absl::StrCat(problem.a, multiplies_ ? "*" : "+", problem.b, "=");
}

std::string Problems::Answer(Problem problem) const {
  std::string text = absl::StrCat(AnswerOf(problem));
  if (reversed_) std::reverse(text.begin(), text.end());
  return text;
}

std::optional<int64_t> Problems::NumberOf(std::string_view answer) const {
  std::string text(answer);
  if (reversed_) std::reverse(text.begin(), text.end());
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  int64_t number = 0;
  if (!digits || static_cast<int64_t>(text.size()) > most_digits() || !absl::SimpleAtoi(text, &number)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace vickrey::trainer::arithmetic
