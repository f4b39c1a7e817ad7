// Pairs of candidates with their targets v = c b q and scores s: what welfare_rank, gmadl and madl have in common.
#ifndef TRAINER_LOSS_ECPM_PAIRS_H_
#define TRAINER_LOSS_ECPM_PAIRS_H_

#include <ATen/core/Tensor.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/composed_pairs.h"
#include "trainer/loss/pairs.h"
#include "trainer/loss/ragged.h"

namespace vickrey::trainer {

// Reads `margin`, `scale` and `pairs` of the configuration:
//   s       log b + log f (`log_ecpm`) or c b f (`ecpm`)
//   pairs   `all`; `top`: those with the model's top candidate by log_ecpm; `ppi`: all, weighed by 4 pi_i pi_j,
//           pi = softmax(s / 0.1) with s in log_ecpm whatever the margin: only pairs in which both compete for the top
//           count. Top and pi are of the model as it is: no gradient goes through the choice.
class EcpmPairs {
 public:
  explicit EcpmPairs(const LossConfig& config);

  // As of AuctionLoss.
  double Fused(const PairTerm& term, const Slate& slate, Precision precision, Workspace* workspace,
               double* gradient) const;
  at::Tensor Composed(const Ragged& batch, const ComposedTerm& term) const;

 private:
  enum class Selection { kAll, kTop, kPpi };

  const double scale_;
  const bool log_margin_;
  const Selection selection_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_ECPM_PAIRS_H_
