// calibrated_softmax: a listwise softmax of the log probabilities with a virtual item of score 0 and label 1.
//
//   L = -sum_i q_i log f_i + (1 + sum_i q_i) log(1 + sum_i f_i)
//
// Guarantee: none on the regret: bids do not enter. The virtual item fixes the level: the minimum is at f_i = q_i (the
// gradient by log f_i is (1 + Q) f_i / (1 + F) - q_i), so predictions are calibrated without the cross-entropy.
//
// When to use it: to compare. Source: Yan et al., Scale calibration of deep ranking models, 2022, with log f as score.
#include <ATen/TensorOperators.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/sigmoid.h>

#include <cmath>

#include "trainer/loss/auction_loss.h"

namespace vickrey::trainer {
namespace {

class CalibratedSoftmax final : public AuctionLoss {
 public:
  double Fused(const Slate& slate, const Point&, Precision, Workspace*, double* gradient) const override {
    double predicted = 0, labels = 0, sum = 0;
    for (int64_t i = 0; i < slate.n; ++i) {
      predicted += slate.f[i];
      labels += slate.labels[i];
      sum -= slate.labels[i] * slate.log_f[i];
    }
    const double factor = (1 + labels) / (1 + predicted);
    for (int64_t i = 0; i < slate.n; ++i) gradient[i] = (factor * slate.f[i] - slate.labels[i]) * slate.rest[i];
    return sum + (1 + labels) * std::log1p(predicted);
  }

  at::Tensor Composed(const Ragged& batch, const Point&) const override {
    const at::Tensor f = at::sigmoid(batch.logits());
    return (1 + batch.Sum(batch.labels())) * at::log1p(batch.Sum(f)) -
           batch.Sum(batch.labels() * at::log_sigmoid(batch.logits()));
  }
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeCalibratedSoftmax(const LossConfig&) { return std::make_unique<CalibratedSoftmax>(); }

}  // namespace vickrey::trainer
