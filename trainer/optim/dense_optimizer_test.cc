#include "trainer/optim/dense_optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

using Kind = DenseRule::Kind;

at::Tensor Random(uint64_t index, int64_t n) {
  base::RandomStream random(1, base::StreamId("dense_optimizer_test"), index);
  at::Tensor values = at::empty({n});
  for (int64_t i = 0; i < n; ++i) values.data_ptr<float>()[i] = static_cast<float>(random.Normal());
  return values;
}

std::vector<DenseRule> RulesToTry() {
  std::vector<DenseRule> rules;
  for (const Kind kind : {Kind::kAdam, Kind::kAdamW, Kind::kSgd}) {
    rules.push_back({.kind = kind});
    rules.push_back({.kind = kind, .beta1 = 0.5, .beta2 = 0.75, .eps = 0.25, .momentum = 0.5, .weight_decay = 0.5});
  }
  return rules;
}

TEST(DenseOptimizer, AsPlainLoops) {
  constexpr int64_t kCount = 37;
  for (const DenseRule& rule : RulesToTry()) {
    const at::Tensor weights = Random(100, kCount);
    std::vector<double> w(weights.data_ptr<float>(), weights.data_ptr<float>() + kCount), m(kCount), v(kCount);
    DenseOptimizer optimizer(rule, weights);
    for (int t = 1; t <= 4; ++t) {
      const double learning_rate = 0.1 / t, scale = t == 2 ? 0.25 : 1;
      const at::Tensor gradient = Random(t, kCount), before = gradient.clone();
      optimizer.Step(gradient, learning_rate, scale);
      EXPECT_TRUE(gradient.equal(before));
      for (int64_t i = 0; i < kCount; ++i) {
        double g = scale * gradient.data_ptr<float>()[i];
        if (rule.kind == Kind::kAdamW) {
          w[i] -= learning_rate * rule.weight_decay * w[i];
        } else {
          g += rule.weight_decay * w[i];
        }
        if (rule.kind == Kind::kSgd) {
          m[i] = rule.momentum * m[i] + g;
          w[i] -= learning_rate * m[i];
        } else {
          m[i] = rule.beta1 * m[i] + (1 - rule.beta1) * g;
          v[i] = rule.beta2 * v[i] + (1 - rule.beta2) * g * g;
          const double corrected_m = m[i] / (1 - std::pow(rule.beta1, t));
          const double corrected_v = v[i] / (1 - std::pow(rule.beta2, t));
          w[i] -= learning_rate * corrected_m / (std::sqrt(corrected_v) + rule.eps);
        }
      }
    }
    EXPECT_EQ(optimizer.steps(), 4);
    for (int64_t i = 0; i < kCount; ++i) {
      EXPECT_NEAR(weights.data_ptr<float>()[i], w[i], 2e-6 * (1 + std::abs(w[i])))
          << "rule " << static_cast<int>(rule.kind) << ", " << i;
    }
  }
}

TEST(DenseOptimizer, ByHand) {
  // Adam's first step: m / 0.5 = 2, v / 0.25 = 4; 2 / (2 + 2). AdamW's: of 1, before it, 0.1 x 0.5.
  const at::Tensor g = at::tensor(std::vector<float>{2});
  at::Tensor w = at::tensor(std::vector<float>{1});
  DenseOptimizer({.beta1 = 0.5, .beta2 = 0.75, .eps = 2}, w).Step(g, 0.1);
  EXPECT_NEAR(w.item<double>(), 0.95, 1e-7);
  w = at::tensor(std::vector<float>{1});
  DenseOptimizer({.kind = Kind::kAdamW, .beta1 = 0.5, .beta2 = 0.75, .eps = 2, .weight_decay = 0.5}, w).Step(g, 0.1);
  EXPECT_NEAR(w.item<double>(), 0.9, 1e-7);
  // Momentum: 1 - 0.5 x 2, then m = 0.5 x 2 + 2 = 3.
  w = at::tensor(std::vector<float>{1});
  DenseOptimizer momentum({.kind = Kind::kSgd, .momentum = 0.5}, w);
  momentum.Step(g, 0.5);
  EXPECT_EQ(w.item<double>(), 0);
  momentum.Step(g, 0.5);
  EXPECT_EQ(w.item<double>(), -1.5);
}

TEST(DenseOptimizer, StateGoesIntoAnother) {
  for (const DenseRule& rule : RulesToTry()) {
    const at::Tensor a = Random(100, 50);
    DenseOptimizer first(rule, a);
    for (int t = 0; t < 3; ++t) first.Step(Random(t, 50), 0.1);
    const at::Tensor b = a.clone();
    DenseOptimizer second(rule, b);
    EXPECT_EQ(second.state().size(), rule.kind != Kind::kSgd ? 2u : rule.momentum != 0 ? 1u : 0u);
    for (const auto& [name, tensor] : second.state()) tensor.copy_(first.state().at(name));
    second.set_steps(first.steps());
    first.Step(Random(4, 50), 0.1);
    second.Step(Random(4, 50), 0.1);
    EXPECT_TRUE(a.equal(b));
  }
}

TEST(DenseOptimizer, RefusesOtherShapes) {
  EXPECT_THROW(DenseOptimizer({}, at::zeros({2, 2})), c10::Error);
  EXPECT_THROW(DenseOptimizer({}, at::zeros({2}, at::kDouble)), c10::Error);
  const at::Tensor weights = at::zeros({3});
  DenseOptimizer optimizer({}, weights);
  EXPECT_THROW(optimizer.Step(at::zeros({1}), 0.1), c10::Error);
  EXPECT_EQ(optimizer.steps(), 0);
}

TEST(SquaredNorm, IsSummedInDouble) {
  EXPECT_EQ(SquaredNorm(at::tensor(std::vector<float>{3, -4})), 25);
  EXPECT_EQ(SquaredNorm(at::zeros({0})), 0);
  // 2^24 + 1 is not a float.
  EXPECT_EQ(SquaredNorm(at::tensor(std::vector<float>{4096, 1})), 16'777'217);
}

}  // namespace
}  // namespace vickrey::trainer
