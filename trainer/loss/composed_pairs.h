// Pairs of candidates as tensors, for losses that are composed of LibTorch's operations. Memory of the order of all
// pairs, some 100 bytes each.
#ifndef TRAINER_LOSS_COMPOSED_PAIRS_H_
#define TRAINER_LOSS_COMPOSED_PAIRS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "trainer/loss/ragged.h"

namespace vickrey::trainer {

// Unordered pairs of labelled candidates of the same auction.
struct ComposedPairs {
  std::vector<int64_t> first, second, auction;
};

// All pairs of a batch, or those with the candidate of the greatest score of their auction (the first of equals).
ComposedPairs AllPairs(const Ragged& batch);
ComposedPairs PairsWithTop(const Ragged& batch, const at::Tensor& scores);

// The value of a pair from D > 0, its target difference, and d, its score difference.
using ComposedTerm = std::function<at::Tensor(const at::Tensor& target_difference, const at::Tensor& score_difference)>;

// (auctions): the sum over the pairs of each of weights[i] weights[j] term(D, d); pairs with D = 0 do not count.
// `targets`, `scores` and `weights` (undefined: 1 each) are of the labelled candidates.
at::Tensor SumOverPairs(const Ragged& batch, const ComposedPairs& pairs, const at::Tensor& targets,
                        const at::Tensor& scores, const at::Tensor& weights, const ComposedTerm& term);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_COMPOSED_PAIRS_H_
