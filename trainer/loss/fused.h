// Value and gradient of a training objective in one pass over its auctions, on the CPU.
#ifndef TRAINER_LOSS_FUSED_H_
#define TRAINER_LOSS_FUSED_H_

#include <ATen/core/Tensor.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/batch.h"

namespace vickrey::trainer {

// The mix that Loss (trainer/loss/loss.h) describes.
struct Mix {
  const AuctionLoss* loss = nullptr;  // null: the cross-entropy alone
  double base_rate = 1;
  bool by_bid = false;  // whether the cross-entropy is weighed by bids
};

// As Loss::Value. `logits`: float or double, on any device. Auctions are computed in pieces that do not depend on the
// number of threads, and what is summed over them is summed in their order: same bits for any number.
at::Tensor FusedValue(const Mix& mix, const at::Tensor& logits, const LossBatch& batch, const Point& point);

// `value` (a scalar) as a function of `input`, of which `gradient` is the derivative: for a function that computed both
// itself. Differentiable once.
at::Tensor WithGradient(const at::Tensor& input, const at::Tensor& value, const at::Tensor& gradient);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_FUSED_H_
