// Fused losses against those composed of LibTorch's operations, on every instruction set of the machine, and their bits
// for different numbers of threads.
#include "trainer/loss/fused.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "trainer/loss/loss_testing.h"
#include "vickrey/base/instruction_sets_testing.h"

namespace vickrey::trainer {
namespace {

double Largest(const std::vector<double>& values) {
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

// Relative to the sum of what auctions add, which may cancel.
double SizeOf(const LossConfig& config, const RandomCase& r, const Point& point) {
  double size = 0;
  for (int64_t a = 0; a < r.batch.auctions(); ++a) {
    RandomCase one;
    one.batch.offsets = {0, r.batch.offsets[a + 1] - r.batch.offsets[a]};
    for (int64_t i = r.batch.offsets[a]; i < r.batch.offsets[a + 1]; ++i) {
      one.batch.bids.push_back(r.batch.bids[i]);
      one.batch.labels.push_back(r.batch.labels[i]);
      one.logits.push_back(r.logits[i]);
      one.no_click_logits.push_back(r.no_click_logits[i]);
    }
    size += std::abs(Compute(config, one.batch, one.LogitsFor(config), point, at::kDouble, true).value);
  }
  return size / static_cast<double>(r.batch.auctions());
}

void ExpectFusedIsComposed(const LossConfig& config, const RandomCase& r) {
  const Point point = PointAt(config, 0);
  const std::vector<double> logits = r.LogitsFor(config);
  const Result composed = Compute(config, r.batch, logits, point, at::kDouble, /*composed=*/true);
  const double size = SizeOf(config, r, point), largest = Largest(composed.gradient);
  // LibTorch's derivative of tanh is 1 - tanh^2, off by the last digit of 1 where it should be far less.
  const double slack = config.loss() == "gmadl" || config.surrogate() == "tanh" ? 1e-12 : 0;
  for (const auto& [type, tolerance] : {std::pair(at::kDouble, 1e-12), std::pair(at::kFloat, 1e-5)}) {
    const Result fused = Compute(config, r.batch, logits, point, type);
    EXPECT_NEAR(fused.value, composed.value, tolerance * size) << Name(config);
    ASSERT_EQ(fused.gradient.size(), composed.gradient.size());
    for (size_t i = 0; i < fused.gradient.size(); ++i) {
      EXPECT_NEAR(fused.gradient[i], composed.gradient[i], tolerance * largest + slack)
          << Name(config) << " candidate " << i;
    }
  }
}

TEST(Fused, IsWhatIsComposedOnEveryInstructionSet) {
  // Auctions of one candidate, of more than a vector, and of sizes in between.
  const RandomCase few = RandomBatch(21, LabelKind::kProbabilities, 0.15, 12, 1, 20),
                   many = RandomBatch(22, LabelKind::kClicks, 0.15, 2, 60, 70);
  base::ForEachInstructionSet([&] {
    for (const LossConfig& config : EveryConfig()) {
      ExpectFusedIsComposed(config, few);
      ExpectFusedIsComposed(config, many);
    }
  });
}

TEST(Fused, IsWhatIsComposedWithTies) {
  RandomCase r = RandomBatch(23, LabelKind::kProbabilities, 0.1, 6, 2, 12);
  for (size_t i = 1; i < r.logits.size(); i += 2) {
    r.batch.bids[i] = r.batch.bids[i - 1];
    r.logits[i] = r.logits[i - 1];
    r.no_click_logits[i] = r.no_click_logits[i - 1];
    if (i % 4 == 1) r.batch.labels[i] = r.batch.labels[i - 1];
  }
  for (const LossConfig& config : EveryConfig()) ExpectFusedIsComposed(config, r);
}

TEST(Fused, HasTheSameBitsForAnyNumberOfThreads) {
  const RandomCase r = RandomBatch(24, LabelKind::kProbabilities, 0.1, 2000, 1, 12);
  for (const char* yaml : {"{loss: welfare_rank, alpha: 0.1}", "{loss: welfare_rank, pairs: all, surrogate: tanh}",
                           "{loss: soft_winner, alpha: 0.1}", "{loss: jrc, alpha: 0.5}", "{loss: logloss}"}) {
    const LossConfig config = Config(yaml);
    const auto loss = MakeLoss(config);
    ASSERT_TRUE(loss.ok());
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      std::vector<double> logits = r.LogitsFor(config);
      at::Tensor expected_value, expected_gradient;
      for (const int threads : {1, 2, 3, 7}) {
        at::set_num_threads(threads);
        at::Tensor u =
            at::from_blob(logits.data(), {static_cast<int64_t>(logits.size())}, at::kDouble).to(type, false, true);
        if (Outputs(config) == 2) u = u.view({-1, 2});
        u.set_requires_grad(true);
        const at::Tensor value = (*loss)->Value(u, r.batch, PointAt(config, 0));
        value.backward();
        if (!expected_value.defined()) {
          expected_value = value.detach();
          expected_gradient = u.grad();
        }
        EXPECT_TRUE(value.detach().equal(expected_value)) << yaml << " with " << threads << " threads";
        EXPECT_TRUE(u.grad().equal(expected_gradient)) << yaml << " with " << threads << " threads";
      }
    }
  }
  at::set_num_threads(1);
}

TEST(Fused, IsPartOfALargerExpression) {
  const RandomCase r = RandomBatch(25, LabelKind::kProbabilities);
  const LossConfig config = RankConfig("alpha: 0.2");
  const Result alone = Compute(config, r.batch, r.logits);
  std::vector<double> halves;
  for (const double u : r.logits) halves.push_back(u / 2);
  at::Tensor x = at::from_blob(halves.data(), {static_cast<int64_t>(halves.size())}, at::kDouble).clone();
  x.set_requires_grad(true);
  (3 * (*MakeLoss(config))->Value(2 * x, r.batch, PointAt(config, 0))).backward();
  for (size_t i = 0; i < halves.size(); ++i) {
    EXPECT_NEAR(x.grad()[static_cast<int64_t>(i)].item<double>(), 6 * alone.gradient[i], 1e-14);
  }
}

TEST(Fused, TakesAnEmptyBatch) {
  for (const char* yaml : {"{loss: welfare_rank, alpha: 0.1}", "{loss: logloss}", "{loss: softmax}"}) {
    const Result r = Compute(Config(yaml), LossBatch(), {});
    EXPECT_EQ(r.value, 0);
    EXPECT_TRUE(r.gradient.empty());
  }
}

}  // namespace
}  // namespace vickrey::trainer
