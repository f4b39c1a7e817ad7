#include "trainer/loss/ragged.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

namespace vickrey::trainer {

Ragged::Ragged(const at::Tensor& logits, const LossBatch& batch) : batch_(batch), options_(logits.options()) {
  std::vector<double> bids, labels;
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
      if (std::isnan(batch.labels[i])) continue;
      rows_.push_back(i);
      auction_of_.push_back(a);
      bids.push_back(batch.bids[i]);
      labels.push_back(batch.labels[i]);
    }
  }
  index_ = Copy(auction_of_);
  const at::Tensor labelled = at::index_select(logits, 0, Copy(rows_));
  if (logits.dim() == 2) {
    click_logits_ = labelled.select(1, 0);
    no_click_logits_ = labelled.select(1, 1);
    logits_ = click_logits_ - no_click_logits_;
  } else {
    logits_ = labelled;
  }
  bids_ = Copy(bids);
  labels_ = Copy(labels);
}

at::Tensor Ragged::LogEcpm() const { return at::log(bids_) + at::log_sigmoid(logits_); }

at::Tensor Ragged::Sum(const at::Tensor& values) const {
  return at::zeros({batch_.auctions()}, options_).index_add(0, index_, values);
}

at::Tensor Ragged::LogSoftmax(const at::Tensor& scores) const {
  const at::Tensor least = at::full({batch_.auctions()}, -std::numeric_limits<double>::infinity(), options_);
  const at::Tensor greatest = least.scatter_reduce(0, index_, scores.detach(), "amax");
  const at::Tensor centered = scores - at::index_select(greatest, 0, index_);
  return centered - at::index_select(at::log(Sum(centered.exp())), 0, index_);
}

at::Tensor Ragged::Copy(const std::vector<double>& values) const {
  return at::from_blob(const_cast<double*>(values.data()), {static_cast<int64_t>(values.size())}, at::kDouble)
      .to(options_, /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor Ragged::Copy(const std::vector<int64_t>& values) const {
  return at::from_blob(const_cast<int64_t*>(values.data()), {static_cast<int64_t>(values.size())}, at::kLong)
      .to(options_.dtype(at::kLong), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace vickrey::trainer
