// bins: a distribution over the bins of vickrey/price/tokens.h, a softmax of one output for each. Trained with the
// cross-entropy of the bin that the price fell into, plus lambda x ntl_mse or ntl_was (trainer/loss/number_token.h)
// with the bins' values in units of the training prices' deviation: a distance of 1 is then a usual error, of the order
// of the cross-entropy, and lambda has no currency.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "trainer/loss/pointwise.h"
#include "trainer/price/head.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceHeadConfig;

class BinsHead final : public PriceHead {
 public:
  BinsHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales, PriceParameters* parameters)
      : distance_(config.loss() == "ntl_mse" ? NumberDistance::kMse : NumberDistance::kWas),
        lambda_(config.loss() == "ce" ? 0 : config.lambda()),
        bins_(scales.bins),
        parameters_(*parameters) {
    values_ = at::tensor(bins_->values(), at::kDouble) / scales.price_deviation;
    weight_ = parameters->Add({width, bins_->size()}, .1 / std::sqrt(static_cast<double>(width)));
    bias_ = parameters->Add({bins_->size()}, 0);
  }

  at::Tensor Loss(const at::Tensor& hidden, const PriceBatch& batch) const override {
    return NumberTokensOf(distance_, Logits(hidden), OneHot(batch.targets, bins_->size()), values_, lambda_);
  }

  at::Tensor Forecast(const at::Tensor& hidden) const override {
    const at::Tensor p = at::softmax(Logits(hidden), 1).to(at::kDouble).contiguous();
    const auto n = static_cast<size_t>(bins_->size()), atoms = bins_->atoms().size();
    at::Tensor spread = at::empty({p.size(0), static_cast<int64_t>(atoms)}, at::kDouble);
    for (int64_t r = 0; r < p.size(0); ++r) {
      bins_->Spread({p.data_ptr<double>() + r * p.size(1), n}, {spread.data_ptr<double>() + r * spread.size(1), atoms});
    }
    return spread;
  }

  const price::Coding* coding() const override { return bins_.get(); }

 private:
  at::Tensor Logits(const at::Tensor& hidden) const {
    return at::addmm(parameters_[bias_], hidden, parameters_[weight_]);
  }

  const NumberDistance distance_;
  const double lambda_;
  const std::shared_ptr<const price::Bins> bins_;
  const PriceParameters& parameters_;
  at::Tensor values_;  // (bins), in deviations
  int weight_ = 0, bias_ = 0;
};

}  // namespace

std::unique_ptr<PriceHead> MakeBinsHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales,
                                        PriceParameters* parameters) {
  return std::make_unique<BinsHead>(config, width, scales, parameters);
}

}  // namespace vickrey::trainer
