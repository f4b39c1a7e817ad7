#include "trainer/arithmetic/answer_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/one_hot.h>

#include "trainer/arithmetic/vocabulary.h"
#include "trainer/loss/pointwise.h"

namespace vickrey::trainer::arithmetic {

at::Tensor AnswerLoss(NumberDistance distance, double lambda, const at::Tensor& logits, const Batch& batch) {
  const at::Tensor flat = logits.flatten(0, 1);
  const at::Tensor at_digits = flat.index_select(0, batch.before_digits);
  const at::Tensor among_digits = at_digits.narrow(1, 0, kDigits);
  const at::Tensor target = at::one_hot(batch.digits, kDigits).to(logits.scalar_type());
  const at::Tensor values = at::arange(kDigits, logits.options());
  const auto count = static_cast<double>(batch.digits.numel());
  const at::Tensor which = count * NumberTokensOf(distance, among_digits, target, values, lambda);
  const at::Tensor whether = (at::logsumexp(at_digits, 1) - at::logsumexp(among_digits, 1)).sum();
  const at::Tensor at_ends = flat.index_select(0, batch.before_ends);
  const at::Tensor ends = (at::logsumexp(at_ends, 1) - at_ends.select(1, kEnd)).sum();
  return (which + whether + ends) / (count + static_cast<double>(batch.before_ends.numel()));
}

}  // namespace vickrey::trainer::arithmetic
