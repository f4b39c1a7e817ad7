// ntl_mse, ntl_was: number-token losses. A head predicts a distribution P = softmax(logits) over tokens that stand for
// numbers x_1 < ... < x_V, such as price bins; the target is a distribution Q, one token in most cases.
//
//   loss      cross-entropy -sum Q log P  +  lambda x distance
//   ntl_mse   (sum Q x - sum P x)^2
//   ntl_was   sum_k |CDF_P(k) - CDF_Q(k)| (x_{k+1} - x_k), the Wasserstein-1 distance; sum_k P_k |z - x_k| where Q is
//   one
//             token of value z
//
// Guarantee: ntl_was is 0 only where P = Q; ntl_mse also where only the means agree (1/2 on 3 and 1/2 on 5 for a 4), a
// flaw of it. Both grow with how far off the predicted numbers are, which the cross-entropy does not know.
//
// When to use it: a distribution over numbers; ntl_was, unless the comparison is the point. The gradient by logit k is
// P_k (|z - x_k| - distance) of ntl_was, 2 (mean - z) P_k (x_k - mean) of ntl_mse. Source: Zausinger et al., Regress,
// don't guess: a regression-like loss on number tokens for language models, 2025; the spacing of the values, which
// matters wherever they are not one apart, is part of the distance here.
#ifndef TRAINER_LOSS_NUMBER_TOKEN_H_
#define TRAINER_LOSS_NUMBER_TOKEN_H_

#include <cstdint>

namespace vickrey::trainer {

enum class NumberDistance { kMse, kWas };

struct NumberTokenLoss {
  double value = 0;
  double cross_entropy = 0, distance = 0;  // value = cross_entropy + lambda x distance
};

// Of one row of `n` > 0 tokens: `values` ascending, `target` with sum 1, `logits` finite; writes d value / d logit to
// `gradient`. All arrays of n.
NumberTokenLoss NumberTokens(NumberDistance distance, double lambda, int64_t n, const double* values,
                             const double* target, const double* logits, double* gradient);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_NUMBER_TOKEN_H_
