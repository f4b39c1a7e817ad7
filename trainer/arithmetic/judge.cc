#include "trainer/arithmetic/judge.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "trainer/arithmetic/vocabulary.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer::arithmetic {
namespace {

constexpr size_t kRows = 256;  // questions that are answered together

// Writes one more token behind each text that has not ended.
void WriteToken(const DigitTransformer& network, std::vector<std::string>* texts) {
  size_t length = 0;
  for (const std::string& text : *texts) length = std::max(length, text.size());
  std::vector<int64_t> tokens(texts->size() * length, kEnd);
  for (size_t r = 0; r < texts->size(); ++r) {
    const std::vector<int64_t> row = TokensOf((*texts)[r]);
    std::copy(row.begin(), row.end(), tokens.begin() + static_cast<int64_t>(r * length));
  }
  const auto rows = static_cast<int64_t>(texts->size());
  const at::Tensor logits =
      network.Logits(at::from_blob(tokens.data(), {rows, static_cast<int64_t>(length)}, at::kLong)).contiguous();
  for (size_t r = 0; r < texts->size(); ++r) {
    std::string& text = (*texts)[r];
    if (text.back() == kCharacters[kEnd]) continue;
    const float* const row = logits.const_data_ptr<float>() + (r * length + text.size() - 1) * kTokens;
    text.push_back(kCharacters[std::max_element(row, row + kTokens) - row]);  // ties to the lower token
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> AnswersOf(const Problems& problems, std::span<const Problem> asked,
                                                   const DigitTransformer& network) {
  const c10::AutoGradMode no_gradient(false);
  std::vector<std::string> answers;
  for (size_t first = 0; first < asked.size(); first += kRows) {
    const auto part = asked.subspan(first, std::min(kRows, asked.size() - first));
    std::vector<std::string> texts;
    for (const Problem& problem : part) texts.push_back(problems.Question(problem));
    for (int64_t i = 0; i <= problems.most_digits(); ++i) {
      RETURN_IF_ERROR(base::CheckInterrupt());
      RETURN_IF_ERROR(torch::CatchTorch([&] { WriteToken(network, &texts); }));
    }
    for (size_t r = 0; r < texts.size(); ++r) {
      std::string answer = texts[r].substr(problems.Question(part[r]).size());
      if (answer.back() == kCharacters[kEnd]) answer.pop_back();
      answers.push_back(std::move(answer));
    }
  }
  return answers;
}

vickrey::v1::ArithmeticSplitLine Judge(const Problems& problems, Split split, std::span<const Problem> asked,
                                       std::span<const std::string> answers) {
  vickrey::v1::ArithmeticSplitLine line;
  line.set_split(std::string(NameOf(split)));
  line.set_problems(static_cast<int64_t>(asked.size()));
  if (asked.empty()) return line;
  int64_t right = 0, numbers = 0;
  double sum = 0, sum_of_numbers = 0;
  std::vector<double> errors;
  for (size_t i = 0; i < asked.size(); ++i) {
    const std::optional<int64_t> number = problems.NumberOf(answers[i]);
    const auto error = static_cast<double>(std::abs(number.value_or(0) - problems.AnswerOf(asked[i])));
    right += answers[i] == problems.Answer(asked[i]);
    numbers += number.has_value();
    sum += error;
    if (number.has_value()) sum_of_numbers += error;
    errors.push_back(error);
  }
  std::sort(errors.begin(), errors.end());
  const size_t half = errors.size() / 2;
  const auto count = static_cast<double>(asked.size());
  line.set_accuracy(static_cast<double>(right) / count);
  line.set_mae(sum / count);
  line.set_median_absolute_error(errors.size() % 2 == 1 ? errors[half] : (errors[half - 1] + errors[half]) / 2);
  line.set_not_numbers(static_cast<int64_t>(asked.size()) - numbers);
  if (numbers > 0) line.set_mae_of_numbers(sum_of_numbers / static_cast<double>(numbers));
  return line;
}

}  // namespace vickrey::trainer::arithmetic
