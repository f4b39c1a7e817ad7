// ranknet: the pairwise logistic loss without money.
//
//   L = sum over ordered pairs i != j of (q_i - q_j)+ ln(1 + exp(-sigma (u_i - u_j)))
//
// Guarantee: none on the regret: bids do not enter. Minimises a bound on the weighted count of clicks that are ranked
// below others of their auction.
//
// When to use it: to compare. It learns the order of probabilities within an auction, not their level: mix it with the
// cross-entropy. Source: Burges et al., Learning to rank using gradient descent, 2005.
#include <ATen/TensorOperators.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/composed_pairs.h"
#include "trainer/loss/softplus.h"

namespace vickrey::trainer {
namespace {

class Ranknet final : public AuctionLoss {
 public:
  double Fused(const Slate& slate, const Point& point, Precision precision, Workspace* workspace,
               double* gradient) const override {
    return SumOverPairs({.kind = PairTerm::Kind::kLogistic, .k = point.sigma}, slate.n, slate.logits, slate.labels,
                        /*weights=*/nullptr, /*only=*/-1, precision, &workspace->pairs, gradient);
  }

  at::Tensor Composed(const Ragged& batch, const Point& point) const override {
    return SumOverPairs(batch, AllPairs(batch), batch.labels(), batch.logits(), at::Tensor(),
                        [&](const at::Tensor& gap, const at::Tensor& d) { return gap * Softplus(-point.sigma * d); });
  }
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeRanknet(const LossConfig&) { return std::make_unique<Ranknet>(); }

}  // namespace vickrey::trainer
