// softmax: listwise cross-entropy over the auction.
//
//   L = -sum_i q_i log softmax(u)_i
//
// Guarantee: none on the regret: bids do not enter. Its minimum has softmax(u) proportional to the clicks' rates.
//
// When to use it: to compare. A constant on all logits of an auction changes nothing, so they have no level: mix it
// with the cross-entropy. Source: Cao et al., Learning to rank: from pairwise approach to listwise approach, 2007.
#include <ATen/TensorOperators.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/elementwise.h"

namespace vickrey::trainer {
namespace {

class ListwiseSoftmax final : public AuctionLoss {
 public:
  double Fused(const Slate& slate, const Point&, Precision, Workspace* workspace, double* gradient) const override {
    double* p = Workspace::Room(&workspace->weights, slate.n);
    const double log_sum = Softmax(slate.n, slate.logits, 1, p);
    double sum = 0, total = 0;
    for (int64_t i = 0; i < slate.n; ++i) {
      sum += slate.labels[i] * (log_sum - slate.logits[i]);
      total += slate.labels[i];
    }
    for (int64_t i = 0; i < slate.n; ++i) gradient[i] = total * p[i] - slate.labels[i];
    return sum;
  }

  at::Tensor Composed(const Ragged& batch, const Point&) const override {
    return -batch.Sum(batch.labels() * batch.LogSoftmax(batch.logits()));
  }
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeSoftmax(const LossConfig&) { return std::make_unique<ListwiseSoftmax>(); }

}  // namespace vickrey::trainer
