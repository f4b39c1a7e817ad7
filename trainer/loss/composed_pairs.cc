#include "trainer/loss/composed_pairs.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/sign.h>

namespace vickrey::trainer {
namespace {

// `top`: of each auction the candidate that all its pairs must have; empty: any.
ComposedPairs PairsOf(const Ragged& batch, const std::vector<int64_t>& top) {
  ComposedPairs pairs;
  const std::vector<int64_t>& auction_of = batch.auction_of();
  const auto rows = static_cast<int64_t>(auction_of.size());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i + 1; j < rows && auction_of[j] == auction_of[i]; ++j) {
      if (!top.empty() && i != top[auction_of[i]] && j != top[auction_of[i]]) continue;
      pairs.first.push_back(i);
      pairs.second.push_back(j);
      pairs.auction.push_back(auction_of[i]);
    }
  }
  return pairs;
}

}  // namespace

ComposedPairs AllPairs(const Ragged& batch) { return PairsOf(batch, {}); }

ComposedPairs PairsWithTop(const Ragged& batch, const at::Tensor& scores) {
  const at::Tensor known = scores.detach().to(at::kDouble).cpu().contiguous();
  const double* score = known.data_ptr<double>();
  std::vector<int64_t> top(batch.batch().auctions(), -1);
  for (size_t i = 0; i < batch.auction_of().size(); ++i) {
    int64_t& best = top[batch.auction_of()[i]];
    if (best < 0 || score[i] > score[best]) best = static_cast<int64_t>(i);
  }
  return PairsOf(batch, top);
}

at::Tensor SumOverPairs(const Ragged& batch, const ComposedPairs& pairs, const at::Tensor& targets,
                        const at::Tensor& scores, const at::Tensor& weights, const ComposedTerm& term) {
  const at::Tensor first = batch.Copy(pairs.first), second = batch.Copy(pairs.second);
  const at::Tensor difference = at::index_select(targets, 0, first) - at::index_select(targets, 0, second);
  const at::Tensor sign = at::sign(difference);
  const at::Tensor d = at::index_select(scores, 0, first) - at::index_select(scores, 0, second);
  at::Tensor terms = term(difference * sign, d * sign) * sign.abs();
  if (weights.defined()) terms = terms * at::index_select(weights, 0, first) * at::index_select(weights, 0, second);
  return terms.new_zeros({batch.batch().auctions()}).index_add(0, batch.Copy(pairs.auction), terms);
}

}  // namespace vickrey::trainer
