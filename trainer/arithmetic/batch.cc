#include "trainer/arithmetic/batch.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <string>
#include <vector>

#include "trainer/arithmetic/vocabulary.h"

namespace vickrey::trainer::arithmetic {
namespace {

at::Tensor TensorOf(std::vector<int64_t>* values) {
  return at::from_blob(values->data(), {static_cast<int64_t>(values->size())}, at::kLong).clone();
}

}  // namespace

Batch BatchOf(const Problems& problems, std::span<const Problem> chosen) {
  struct Row {
    std::string question, answer;
  };
  std::vector<Row> rows;
  size_t length = 0;
  for (const Problem& problem : chosen) {
    rows.push_back({problems.Question(problem), problems.Answer(problem)});
    length = std::max(length, rows.back().question.size() + rows.back().answer.size());
  }
  std::vector<int64_t> tokens(rows.size() * length, kEnd), before_digits, digits, before_ends;
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto& [question, answer] = rows[r];
    const std::vector<int64_t> read = TokensOf(question + answer);
    std::copy(read.begin(), read.end(), tokens.begin() + static_cast<int64_t>(r * length));
    for (size_t i = question.size(); i < read.size(); ++i) {
      before_digits.push_back(static_cast<int64_t>(r * length + i - 1));
      digits.push_back(read[i]);
    }
    before_ends.push_back(static_cast<int64_t>(r * length + read.size() - 1));
  }
  return {.tokens = TensorOf(&tokens).view({static_cast<int64_t>(rows.size()), static_cast<int64_t>(length)}),
          .before_digits = TensorOf(&before_digits),
          .digits = TensorOf(&digits),
          .before_ends = TensorOf(&before_ends)};
}

}  // namespace vickrey::trainer::arithmetic
