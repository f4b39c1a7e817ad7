#include "trainer/price/network.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/relu.h>

#include <cmath>

namespace vickrey::trainer {

PriceNetwork::PriceNetwork(const vickrey::config::v1::PriceHeadConfig& head, const std::vector<int64_t>& hidden,
                           int64_t features, const PriceScales& scales, uint64_t seed) {
  int64_t width = features;
  for (const int64_t next : hidden) {
    const double bound = std::sqrt(6 / static_cast<double>(width));  // He et al., "Delving deep into rectifiers", 2015
    const int weight = parameters_.Add({width, next}, bound);
    layers_.emplace_back(weight, parameters_.Add({next}, 0));
    width = next;
  }
  head_ = MakeHead(head, width, scales, &parameters_);
  parameters_.Start(seed);
}

at::Tensor PriceNetwork::Hidden(const at::Tensor& features) const {
  at::Tensor x = features;
  for (const auto& [weight, bias] : layers_) x = at::relu(at::addmm(parameters_[bias], x, parameters_[weight]));
  return x;
}

at::Tensor PriceNetwork::Loss(const at::Tensor& features, const PriceBatch& batch) const {
  return head_->Loss(Hidden(features), batch);
}

at::Tensor PriceNetwork::Forecast(const at::Tensor& features) const {
  const at::NoGradGuard without;
  return head_->Forecast(Hidden(features));
}

}  // namespace vickrey::trainer
