// The losses of forecasts by themselves, without an auction, as functions of tensors. Formulas and guarantees:
// directional.h, number_token.h.
#ifndef TRAINER_LOSS_POINTWISE_H_
#define TRAINER_LOSS_POINTWISE_H_

#include <ATen/core/Tensor.h>

#include "trainer/loss/number_token.h"

namespace vickrey::trainer {

// Means over rows: scalars in the type of the first argument, float or double, differentiable once by it. On a CPU
// value and gradient come from one pass, rows shared among LibTorch's threads, the same bits for any number of them;
// elsewhere from LibTorch's operations, as Composed... does anywhere. Shapes as stated: anything else throws.

// `forecast`, `observed`: (rows).
at::Tensor GmadlOf(const at::Tensor& forecast, const at::Tensor& observed, double a, double b);
at::Tensor ComposedGmadl(const at::Tensor& forecast, const at::Tensor& observed, double a, double b);

// `logits`, `target`: (rows, tokens), each row of `target` with sum 1; `values`: (tokens), ascending.
at::Tensor NumberTokensOf(NumberDistance distance, const at::Tensor& logits, const at::Tensor& target,
                          const at::Tensor& values, double lambda);
at::Tensor ComposedNumberTokens(NumberDistance distance, const at::Tensor& logits, const at::Tensor& target,
                                const at::Tensor& values, double lambda);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_POINTWISE_H_
