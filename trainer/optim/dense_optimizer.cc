#include "trainer/optim/dense_optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

namespace vickrey::trainer {

DenseOptimizer::DenseOptimizer(const DenseRule& rule, const at::Tensor& weights)
    : rule_(rule), weights_(weights.detach()), scratch_(at::empty_like(weights_)) {
  TORCH_CHECK(weights.dim() == 1 && weights.scalar_type() == at::kFloat && weights.is_contiguous(), "weights are ",
              weights.toString(), " ", weights.sizes(), ", not a row of floats");
  if (rule.kind != DenseRule::Kind::kSgd || rule.momentum != 0) m_ = at::zeros_like(weights_);
  if (rule.kind != DenseRule::Kind::kSgd) v_ = at::zeros_like(weights_);
}

void DenseOptimizer::Step(const at::Tensor& gradient, double learning_rate, double scale) {
  TORCH_CHECK(gradient.sizes() == weights_.sizes() && gradient.scalar_type() == at::kFloat, "the gradient is ",
              gradient.toString(), " ", gradient.sizes(), " of weights ", weights_.sizes());
  ++steps_;
  at::Tensor g = gradient.detach();
  if (scale != 1) g = at::mul_out(scratch_, g, at::scalar_tensor(scale, g.options()));
  const bool coupled = rule_.kind != DenseRule::Kind::kAdamW;
  if (rule_.weight_decay != 0 && coupled) g = at::add_out(scratch_, g, weights_, rule_.weight_decay);
  if (rule_.weight_decay != 0 && !coupled) weights_.mul_(1 - learning_rate * rule_.weight_decay);
  if (rule_.kind != DenseRule::Kind::kSgd) {
    StepAdam(g, learning_rate);
  } else {
    if (m_.defined()) m_.mul_(rule_.momentum).add_(g);
    weights_.sub_(m_.defined() ? m_ : g, learning_rate);
  }
}

void DenseOptimizer::StepAdam(const at::Tensor& gradient, double learning_rate) {
  const auto t = static_cast<double>(steps_);
  m_.lerp_(gradient, 1 - rule_.beta1);
  v_.mul_(rule_.beta2).addcmul_(gradient, gradient, 1 - rule_.beta2);
  // The gradient may have been in it, and is not needed any more.
  at::sqrt_out(scratch_, v_).div_(std::sqrt(1 - std::pow(rule_.beta2, t))).add_(rule_.eps);
  weights_.addcdiv_(m_, scratch_, -learning_rate / (1 - std::pow(rule_.beta1, t)));
}

std::map<std::string, at::Tensor> DenseOptimizer::state() const {
  std::map<std::string, at::Tensor> state;
  if (m_.defined()) state["m"] = m_;
  if (v_.defined()) state["v"] = v_;
  return state;
}

double SquaredNorm(const at::Tensor& tensor) { return tensor.square().sum(at::kDouble).item<double>(); }

}  // namespace vickrey::trainer
