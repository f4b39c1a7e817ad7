#include "trainer/price/parameters.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <functional>
#include <numeric>
#include <utility>

#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

int64_t CountOf(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

int PriceParameters::Add(std::vector<int64_t> shape, double bound) {
  plans_.push_back({std::move(shape), bound});
  return static_cast<int>(plans_.size()) - 1;
}

void PriceParameters::Start(uint64_t seed) {
  int64_t all = 0;
  for (const Plan& plan : plans_) all += CountOf(plan.shape);
  dense_ = at::empty({all}, at::kFloat);
  gradient_ = at::zeros_like(dense_);
  auto* at = dense_.data_ptr<float>();
  int64_t first = 0;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const Plan& plan = plans_[i];
    const int64_t count = CountOf(plan.shape);
    base::RandomStream random(seed, base::StreamId("price.start"), i);
    for (int64_t k = 0; k < count; ++k) *at++ = static_cast<float>(plan.bound * (2 * random.Uniform() - 1));
    const at::Tensor view = dense_.narrow(0, first, count).view(plan.shape).detach();
    view.set_requires_grad(true);
    view.mutable_grad() = gradient_.narrow(0, first, count).view(plan.shape);
    views_.push_back(view);
    first += count;
  }
}

}  // namespace vickrey::trainer
