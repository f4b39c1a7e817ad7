// logloss: binary cross-entropy, the default of the field.
// bid_logloss: the same weighted by the bid; the simplest loss that knows money (cost-sensitive learning).
#include <ATen/TensorOperators.h>
#include <ATen/ops/softplus.h>

#include <cmath>
#include <vector>

#include "trainer/loss/loss.h"
#include "trainer/loss/tensors.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;

class Logloss final : public Loss {
 public:
  Logloss(double base_rate, bool by_bid) : base_rate_(base_rate), by_bid_(by_bid) {}

  at::Tensor Value(const at::Tensor& logits, const LossBatch& batch, const Point&) const override {
    return CrossEntropy(logits, batch, by_bid_ ? batch.bids : std::vector<double>(), base_rate_);
  }

 private:
  const double base_rate_;
  const bool by_bid_;
};

}  // namespace

at::Tensor CrossEntropy(const at::Tensor& logits, const LossBatch& batch, const std::vector<double>& weights,
                        double base_rate) {
  std::vector<double> weight(batch.labels.size(), 0), target(batch.labels.size(), 0);
  int64_t count = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    if (std::isnan(batch.labels[i])) continue;
    ++count;
    weight[i] = weights.empty() ? 1 : weights[i];
    target[i] = batch.labels[i];
  }
  const at::ScalarType type = logits.scalar_type();
  const at::Tensor terms = at::softplus(logits, 1, kSoftplusThreshold) - CopyOf(target, type) * logits;
  return (CopyOf(weight, type) * terms).sum() / (static_cast<double>(std::max<int64_t>(count, 1)) * base_rate);
}

std::unique_ptr<Loss> MakeLogloss(const LossConfig& config) {
  return std::make_unique<Logloss>(config.base_rate(), /*by_bid=*/false);
}

std::unique_ptr<Loss> MakeBidLogloss(const LossConfig& config) {
  return std::make_unique<Logloss>(config.base_rate(), /*by_bid=*/true);
}

}  // namespace vickrey::trainer
