#include "trainer/loss/pointwise.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "trainer/loss/directional.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

NumberTokenLoss Tokens(NumberDistance distance, double lambda, const std::vector<double>& values,
                       const std::vector<double>& target, const std::vector<double>& logits,
                       std::vector<double>* gradient) {
  gradient->resize(values.size());
  return NumberTokens(distance, lambda, static_cast<int64_t>(values.size()), values.data(), target.data(),
                      logits.data(), gradient->data());
}

TEST(Madl, ByHand) {
  EXPECT_EQ(Madl(2, 0.1).value, -2);
  EXPECT_EQ(Madl(2, -0.1).value, 2);
  EXPECT_EQ(Madl(-3, -0.1).value, -3);
  EXPECT_EQ(Madl(-3, 7).value, 3);
  EXPECT_EQ(Madl(5, 0).value, 0);
  EXPECT_EQ(Madl(2, 0.1).slope, 0);
}

TEST(Gmadl, OfForecastsByHand) {
  // a R F = log 3: sigmoid 3/4. R^2 = 4.
  const PointLoss loss = Gmadl(2, std::log(3) / 2, 1, 2);
  EXPECT_NEAR(loss.value, -1, 1e-15);
  EXPECT_NEAR(loss.slope, -1 * 2 * 3.0 / 16 * 4, 1e-15);
  // Odd in the forecast; the slope is even.
  EXPECT_NEAR(Gmadl(2, -std::log(3) / 2, 1, 2).value, 1, 1e-15);
  EXPECT_NEAR(Gmadl(2, -std::log(3) / 2, 1, 2).slope, loss.slope, 1e-15);
  EXPECT_EQ(Gmadl(0, 5, 3, 1).value, 0);
  EXPECT_EQ(Gmadl(0, 5, 3, 0).value, 0);  // 0^0 is 1, and sigmoid(0) - 1/2 is 0
}

TEST(Gmadl, IsFiniteForExtremeForecasts) {
  for (const double forecast : {1e300, -1e300}) {
    const PointLoss loss = Gmadl(1e5, forecast, 1e3, 1);
    EXPECT_NEAR(loss.value, forecast > 0 ? -5e4 : 5e4, 1e-9);
    EXPECT_EQ(loss.slope, 0);
  }
}

// The mean profit of buying where the forecast is above 0 is (mean R - mean madl) / 2.
TEST(Madl, IsTheProfitOfBuying) {
  base::RandomStream random(1, base::StreamId("test"), 0);
  double profit = 0, observed = 0, madl = 0;
  for (int i = 0; i < 1000; ++i) {
    const double r = random.Normal(), f = r + 2 * random.Normal();
    profit += f > 0 ? r : 0;
    observed += r;
    madl += Madl(r, f).value;
  }
  EXPECT_NEAR(profit, (observed - madl) / 2, 1e-9);
}

TEST(NumberTokens, ByHand) {
  // softmax(log 2, 0, 0) = 1/2, 1/4, 1/4 on 3, 4, 5; right is 4.
  std::vector<double> gradient;
  const std::vector<double> values = {3, 4, 5}, target = {0, 1, 0}, logits = {std::log(2), 0, 0};
  const NumberTokenLoss was = Tokens(NumberDistance::kWas, 2, values, target, logits, &gradient);
  EXPECT_NEAR(was.cross_entropy, 2 * std::log(2), 1e-15);
  EXPECT_NEAR(was.distance, 0.75, 1e-15);
  EXPECT_NEAR(was.value, 2 * std::log(2) + 1.5, 1e-15);
  // P_k (|z - x_k| - distance): 1/2 (1 - 3/4), 1/4 (0 - 3/4), 1/4 (1 - 3/4), twice; P - Q beside it.
  EXPECT_NEAR(gradient[0], 0.5 + 0.25, 1e-15);
  EXPECT_NEAR(gradient[1], -0.75 - 0.375, 1e-15);
  EXPECT_NEAR(gradient[2], 0.25 + 0.125, 1e-15);
  // The mean is 3.75; its slope 2 (mean - z) P_k (x_k - mean).
  const NumberTokenLoss mse = Tokens(NumberDistance::kMse, 1, values, target, logits, &gradient);
  EXPECT_NEAR(mse.distance, 0.0625, 1e-15);
  EXPECT_NEAR(gradient[0], 0.5 + 2 * -0.25 * 0.5 * -0.75, 1e-15);
  EXPECT_NEAR(gradient[1], -0.75 + 2 * -0.25 * 0.25 * 0.25, 1e-15);
}

// Half of it on 3 and half on 5 has the mean 4.
TEST(NumberTokens, TheMeanHidesASpread) {
  std::vector<double> gradient;
  const std::vector<double> values = {3, 4, 5}, target = {0, 1, 0}, logits = {0, -800, 0};
  EXPECT_EQ(Tokens(NumberDistance::kMse, 1, values, target, logits, &gradient).distance, 0);
  EXPECT_EQ(Tokens(NumberDistance::kWas, 1, values, target, logits, &gradient).distance, 1);
}

TEST(NumberTokens, SpacingCounts) {
  // Half on each of 0 and 10 where 0 is right: 5 off, not half a token.
  std::vector<double> gradient;
  EXPECT_NEAR(Tokens(NumberDistance::kWas, 1, {0, 10}, {1, 0}, {0, 0}, &gradient).distance, 5, 1e-15);
  // Against a distribution: CDFs 1/3, 2/3 and 1/2, 1/2; gaps 1 and 100.
  EXPECT_NEAR(Tokens(NumberDistance::kWas, 1, {0, 1, 101}, {0.5, 0, 0.5}, {0, 0, 0}, &gradient).distance,
              1.0 / 6 + 100.0 / 6, 1e-13);
}

TEST(NumberTokens, OneTokenLosesNothing) {
  std::vector<double> gradient;
  const NumberTokenLoss loss = Tokens(NumberDistance::kWas, 1, {7}, {1}, {3}, &gradient);
  EXPECT_EQ(loss.value, 0);
  EXPECT_EQ(gradient[0], 0);
}

// ---- As tensors.

struct Rows {
  at::Tensor logits, target, values, forecast, observed;
};

Rows RandomRows(int64_t rows, int64_t tokens, at::ScalarType type) {
  base::RandomStream random(2, base::StreamId("test"), 0);
  const auto normal = [&](int64_t count) {
    std::vector<double> x(count);
    for (double& v : x) v = random.Normal();
    return at::from_blob(x.data(), {count}, at::kDouble).to(type, false, true);
  };
  return {.logits = normal(rows * tokens).view({rows, tokens}),
          .target = (3 * normal(rows * tokens)).view({rows, tokens}).softmax(1),
          .values = normal(tokens).abs().cumsum(0),
          .forecast = normal(rows),
          .observed = normal(rows)};
}

template <typename Fused, typename Composed>
void ExpectSame(const at::Tensor& input, const Fused& fused, const Composed& composed, double tolerance) {
  at::Tensor a = input.clone().set_requires_grad(true), b = input.clone().set_requires_grad(true);
  const at::Tensor value = fused(a), expected = composed(b);
  value.backward();
  expected.backward();
  EXPECT_NEAR(value.item<double>(), expected.item<double>(), tolerance * std::abs(expected.item<double>()) + 1e-15);
  EXPECT_LE((a.grad() - b.grad()).abs().max().item<double>(), tolerance * b.grad().abs().max().item<double>());
}

TEST(Pointwise, FusedIsComposed) {
  for (const auto& [type, tolerance] : {std::pair(at::kDouble, 1e-12), std::pair(at::kFloat, 1e-5)}) {
    const Rows rows = RandomRows(500, 17, type);
    for (const double b : {0.0, 1.0, 2.0}) {
      ExpectSame(
          rows.forecast, [&](const at::Tensor& f) { return GmadlOf(f, rows.observed, 3, b); },
          [&](const at::Tensor& f) { return ComposedGmadl(f, rows.observed, 3, b); }, tolerance);
    }
    for (const NumberDistance distance : {NumberDistance::kMse, NumberDistance::kWas}) {
      ExpectSame(
          rows.logits, [&](const at::Tensor& l) { return NumberTokensOf(distance, l, rows.target, rows.values, 0.3); },
          [&](const at::Tensor& l) { return ComposedNumberTokens(distance, l, rows.target, rows.values, 0.3); },
          tolerance);
    }
  }
}

TEST(Pointwise, SameBitsForAnyNumberOfThreads) {
  const Rows rows = RandomRows(5000, 9, at::kDouble);
  at::Tensor expected;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    const at::Tensor value = NumberTokensOf(NumberDistance::kWas, rows.logits, rows.target, rows.values, 0.3);
    if (!expected.defined()) expected = value;
    EXPECT_TRUE(value.equal(expected)) << threads;
  }
  at::set_num_threads(1);
}

TEST(Pointwise, GradientIsTheSlope) {
  constexpr double kStep = 1e-6;
  base::RandomStream random(3, base::StreamId("test"), 0);
  for (int n = 2; n < 8; ++n) {
    std::vector<double> values, target(n, 0), logits, gradient, ignored;
    for (int k = 0; k < n; ++k) {
      values.push_back((k == 0 ? 0 : values.back()) + 0.1 + random.Uniform());
      logits.push_back(random.Normal());
    }
    target[random.Below(n)] = 1;
    for (const NumberDistance distance : {NumberDistance::kMse, NumberDistance::kWas}) {
      Tokens(distance, 0.7, values, target, logits, &gradient);
      for (int k = 0; k < n; ++k) {
        std::vector<double> up = logits, down = logits;
        up[k] += kStep;
        down[k] -= kStep;
        const double slope = (Tokens(distance, 0.7, values, target, up, &ignored).value -
                              Tokens(distance, 0.7, values, target, down, &ignored).value) /
                             (2 * kStep);
        EXPECT_NEAR(gradient[k], slope, 1e-8);
      }
    }
    const double r = random.Normal(), f = random.Normal();
    EXPECT_NEAR(Gmadl(r, f, 2, 1.5).slope,
                (Gmadl(r, f + kStep, 2, 1.5).value - Gmadl(r, f - kStep, 2, 1.5).value) / (2 * kStep), 1e-8);
  }
}

TEST(Pointwise, WrongShapesThrow) {
  const Rows rows = RandomRows(4, 3, at::kDouble);
  EXPECT_THROW(GmadlOf(rows.forecast, rows.values, 1, 1), c10::Error);
  EXPECT_THROW(NumberTokensOf(NumberDistance::kWas, rows.logits, rows.values, rows.values, 1), c10::Error);
  EXPECT_THROW(NumberTokensOf(NumberDistance::kWas, rows.logits, rows.target, rows.observed, 1), c10::Error);
}

}  // namespace
}  // namespace vickrey::trainer
