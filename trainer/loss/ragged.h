// A batch as tensors of its labelled candidates, for losses that are composed of LibTorch's operations.
#ifndef TRAINER_LOSS_RAGGED_H_
#define TRAINER_LOSS_RAGGED_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "trainer/loss/batch.h"

namespace vickrey::trainer {

// Tensors are of the type and on the device of the logits.
class Ragged {
 public:
  // `logits`: (candidates) or, for a loss with two outputs, (candidates, 2).
  Ragged(const at::Tensor& logits, const LossBatch& batch);

  const LossBatch& batch() const { return batch_; }
  // Of each labelled candidate: where in the batch it is, and its auction.
  const std::vector<int64_t>& rows() const { return rows_; }
  const std::vector<int64_t>& auction_of() const { return auction_of_; }

  // (labelled candidates); u, of a loss with two outputs the click's less the other's.
  const at::Tensor& logits() const { return logits_; }
  const at::Tensor& click_logits() const { return click_logits_; }
  const at::Tensor& no_click_logits() const { return no_click_logits_; }
  const at::Tensor& bids() const { return bids_; }
  const at::Tensor& labels() const { return labels_; }
  // log b + log f
  at::Tensor LogEcpm() const;

  // (labelled candidates) to (auctions): the sum over each.
  at::Tensor Sum(const at::Tensor& values) const;
  // log softmax over the labelled candidates of each auction; of the same shape.
  at::Tensor LogSoftmax(const at::Tensor& scores) const;

  // `values` as a tensor that owns them.
  at::Tensor Copy(const std::vector<double>& values) const;
  at::Tensor Copy(const std::vector<int64_t>& values) const;

 private:
  const LossBatch& batch_;
  const at::TensorOptions options_;
  std::vector<int64_t> rows_, auction_of_;
  at::Tensor index_, logits_, click_logits_, no_click_logits_, bids_, labels_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_RAGGED_H_
