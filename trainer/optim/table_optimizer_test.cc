#include "trainer/optim/table_optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "trainer/optim/table_memory.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

using Kind = TableRule::Kind;

at::Tensor Floats(const std::vector<float>& values, at::IntArrayRef sizes) { return at::tensor(values).view(sizes); }
at::Tensor Rows(const std::vector<int64_t>& rows) { return at::tensor(rows, at::kLong); }
std::vector<float> ValuesOf(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous().view(-1);
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

struct Batch {
  at::Tensor members, gradients;
};

// Half of the members among a few hot rows, the others anywhere.
Batch RandomBatch(uint64_t index, int64_t count, int64_t rows, int64_t width) {
  base::RandomStream random(1, base::StreamId("table_optimizer_test"), index);
  const Batch batch = {at::empty({count}, at::kLong), at::empty({count, width})};
  for (int64_t i = 0; i < count; ++i) {
    batch.members.data_ptr<int64_t>()[i] =
        static_cast<int64_t>(random.Below(random.Bernoulli(0.5) ? 3 : static_cast<uint64_t>(rows)));
  }
  for (int64_t i = 0; i < count * width; ++i) {
    batch.gradients.data_ptr<float>()[i] = static_cast<float>(random.Normal());
  }
  return batch;
}

at::Tensor RandomWeights(int64_t rows, int64_t width) { return RandomBatch(1000, rows, rows, width).gradients; }

// The rules once more, in double, one number after the other.
struct Plain {
  TableRule rule;
  int64_t width;
  std::vector<double> w, m, v, s;
  int t = 0;

  Plain(const TableRule& table_rule, const at::Tensor& weights)
      : rule(table_rule), width(weights.size(1)), m(weights.numel()), v(weights.numel()) {
    for (const float x : ValuesOf(weights)) w.push_back(x);
    s.assign(weights.size(0), rule.initial_accumulator);
  }

  void Step(const Batch& batch, double learning_rate, double scale) {
    std::map<int64_t, std::vector<double>> sums;
    for (int64_t i = 0; i < batch.members.size(0); ++i) {
      auto& sum = sums[batch.members.data_ptr<int64_t>()[i]];
      sum.resize(width);
      for (int64_t j = 0; j < width; ++j) sum[j] += batch.gradients.data_ptr<float>()[i * width + j] * scale;
    }
    ++t;
    for (const auto& [row, g] : sums) {
      double squares = 0;
      for (const double x : g) squares += x * x;
      s[row] += squares / static_cast<double>(width);
      for (int64_t j = 0; j < width; ++j) {
        const int64_t k = row * width + j;
        w[k] -= learning_rate * rule.weight_decay * w[k];
        if (rule.kind == Kind::kAdam) {
          m[k] = rule.beta1 * m[k] + (1 - rule.beta1) * g[j];
          v[k] = rule.beta2 * v[k] + (1 - rule.beta2) * g[j] * g[j];
          // eps is for the uncorrected root.
          const double corrected_m = m[k] / (1 - std::pow(rule.beta1, t));
          const double root = std::sqrt(v[k]) + rule.eps;
          w[k] -= learning_rate * corrected_m / (root / std::sqrt(1 - std::pow(rule.beta2, t)));
        } else if (rule.kind == Kind::kRowwiseAdagrad) {
          w[k] -= learning_rate * g[j] / (std::sqrt(s[row]) + rule.eps);
        } else {
          w[k] -= learning_rate * g[j];
        }
      }
    }
  }
};

void ExpectNear(const at::Tensor& tensor, const std::vector<double>& expected, double tolerance) {
  const std::vector<float> values = ValuesOf(tensor);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << i;
  }
}

// Of the members each rule is tried with: one with all that it has, one without.
std::vector<TableRule> RulesToTry() {
  return {{.kind = Kind::kAdam},
          {.kind = Kind::kAdam, .beta1 = 0.5, .beta2 = 0.75, .eps = 0.25, .weight_decay = 0.5},
          {.kind = Kind::kRowwiseAdagrad},
          {.kind = Kind::kRowwiseAdagrad, .eps = 0.25, .weight_decay = 0.5, .initial_accumulator = 2},
          {.kind = Kind::kSgd},
          {.kind = Kind::kSgd, .weight_decay = 0.5}};
}

constexpr int64_t kWidths[] = {1, 3, 16, 64, 100};

enum class How { kFused, kComposed };

std::unique_ptr<TableOptimizer> Make(How how, const TableRule& rule, const at::Tensor& weights) {
  return how == How::kFused ? TableOptimizer::Create(rule, weights) : TableOptimizer::CreateComposed(rule, weights);
}

void ExpectPlain(How how, const TableRule& rule, int64_t width) {
  const int64_t rows = 300;
  const at::Tensor weights = RandomWeights(rows, width);
  Plain plain(rule, weights);
  const auto optimizer = Make(how, rule, weights);
  int64_t step = 0;
  for (const int64_t count : {1, 40, 0, 500}) {
    const Batch batch = RandomBatch(++step, count, rows, width);
    const double learning_rate = 0.125 / static_cast<double>(step), scale = step == 2 ? 0.25 : 1;
    plain.Step(batch, learning_rate, scale);
    optimizer->Step(batch.members, batch.gradients, learning_rate, scale);
    EXPECT_EQ(optimizer->steps(), step);
  }
  // Of sums of up to a hundred floats.
  ExpectNear(weights, plain.w, 2e-5);
  auto state = optimizer->state();
  if (rule.kind == Kind::kAdam) {
    EXPECT_EQ(state.size(), 2u);
    ExpectNear(state.at("m"), plain.m, 1e-5);
    ExpectNear(state.at("v"), plain.v, 1e-5);
  } else if (rule.kind == Kind::kRowwiseAdagrad) {
    EXPECT_EQ(state.size(), 1u);
    ExpectNear(state.at("accumulator"), plain.s, 1e-5);
  } else {
    EXPECT_TRUE(state.empty());
  }
}

class TableOptimizerTest : public testing::TestWithParam<How> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  void TearDown() override { at::set_num_threads(1); }
  std::unique_ptr<TableOptimizer> Create(const TableRule& rule, const at::Tensor& weights) const {
    return Make(GetParam(), rule, weights);
  }
};
INSTANTIATE_TEST_SUITE_P(Both, TableOptimizerTest, testing::Values(How::kFused, How::kComposed),
                         [](const auto& info) { return info.param == How::kFused ? "Fused" : "Composed"; });

TEST_P(TableOptimizerTest, AdamByHand) {
  const at::Tensor weights = Floats({1, 1, 1}, {3, 1});
  const auto optimizer = Create({.kind = Kind::kAdam, .beta1 = 0.5, .beta2 = 0.75, .eps = 1}, weights);
  // g = 0.5 + 1.5 = 2, m = 0.5 x 2 = 1, v = 0.25 x 4 = 1; 0.1 sqrt(1 - 0.75) / (1 - 0.5) = 0.1; 1 / (sqrt(1) + 1).
  optimizer->Step(Rows({2, 2}), Floats({0.5, 1.5}, {2, 1}), 0.1);
  EXPECT_EQ(ValuesOf(optimizer->state().at("m")), std::vector<float>({0, 0, 1}));
  EXPECT_EQ(ValuesOf(optimizer->state().at("v")), std::vector<float>({0, 0, 1}));
  ExpectNear(weights, {1, 1, 0.95}, 1e-7);
  // The first step of row 0 is the second of the optimizer: 0.1 sqrt(1 - 0.5625) / (1 - 0.25) / 2.
  optimizer->Step(Rows({0}), Floats({2}, {1, 1}), 0.1);
  ExpectNear(weights, {1 - 0.0440958552, 1, 0.95}, 1e-7);
}

TEST_P(TableOptimizerTest, RowwiseAdagradByHand) {
  const at::Tensor weights = Floats({0, 0, 1, 2}, {2, 2});
  const auto optimizer = Create({.kind = Kind::kRowwiseAdagrad, .eps = 1, .initial_accumulator = 3.5}, weights);
  // s = 3.5 + (9 + 16) / 2 = 16; g / (4 + 1), halved.
  optimizer->Step(Rows({1}), Floats({6, 8}, {1, 2}), 0.5, /*scale=*/0.5);
  EXPECT_EQ(ValuesOf(optimizer->state().at("accumulator")), std::vector<float>({3.5, 16}));
  ExpectNear(weights, {0, 0, 1 - 0.3, 2 - 0.4}, 1e-7);
}

TEST_P(TableOptimizerTest, SgdWithDecayByHand) {
  const at::Tensor weights = Floats({1, 1}, {2, 1});
  const auto optimizer = Create({.kind = Kind::kSgd, .weight_decay = 0.5}, weights);
  optimizer->Step(Rows({1}), Floats({3}, {1, 1}), 0.25);
  EXPECT_EQ(ValuesOf(weights), std::vector<float>({1, 1 - 0.125 - 0.75}));
}

TEST_P(TableOptimizerTest, NormIsOfTheSums) {
  const at::Tensor weights = at::zeros({5, 2});
  const auto optimizer = Create({.kind = Kind::kSgd}, weights);
  // (1, 2) + (2, 2) and (0, 1): 25 + 1.
  optimizer->Prepare(Rows({4, 4, 0}), Floats({1, 2, 2, 2, 0, 1}, {3, 2}));
  EXPECT_EQ(optimizer->SquaredNorm(), 26);
  EXPECT_EQ(ValuesOf(weights), std::vector<float>(10));  // nothing has changed yet
  optimizer->Apply(1, 0.5);
  EXPECT_EQ(ValuesOf(weights), std::vector<float>({0, -0.5, 0, 0, 0, 0, 0, 0, -1.5, -2}));
}

TEST_P(TableOptimizerTest, AsPlainLoops) {
  for (const TableRule& rule : RulesToTry()) {
    for (const int64_t width : kWidths) {
      SCOPED_TRACE(testing::Message() << "rule " << static_cast<int>(rule.kind) << " width " << width);
      ExpectPlain(GetParam(), rule, width);
    }
  }
}

TEST(FusedTableOptimizer, AsPlainLoopsOnEveryInstructionSet) {
  at::set_num_threads(1);
  base::ForEachInstructionSet([] {
    for (const TableRule& rule : RulesToTry()) {
      for (const int64_t width : kWidths) ExpectPlain(How::kFused, rule, width);
    }
  });
}

// Enough members for several parts and pieces.
TEST(FusedTableOptimizer, AsComposedOnALargeBatch) {
  for (const TableRule& rule : RulesToTry()) {
    const at::Tensor a = RandomWeights(50'000, 16), b = a.clone();
    const auto fused = TableOptimizer::Create(rule, a), composed = TableOptimizer::CreateComposed(rule, b);
    for (int step = 0; step < 3; ++step) {
      const Batch batch = RandomBatch(step, 30'000, 50'000, 16);
      fused->Prepare(batch.members, batch.gradients);
      composed->Prepare(batch.members, batch.gradients);
      const double norm = composed->SquaredNorm();
      EXPECT_NEAR(fused->SquaredNorm(), norm, 1e-6 * norm);
      fused->Apply(0.01, 0.5);
      composed->Apply(0.01, 0.5);
    }
    EXPECT_LE((a - b).abs().max().item<double>(), 1e-5);
    EXPECT_GT(a.abs().min().item<double>(), 0);
    for (const auto& [name, tensor] : fused->state()) {
      const at::Tensor other = composed->state().at(name);
      EXPECT_LE(((tensor - other) / (1 + other.abs())).abs().max().item<double>(), 1e-6) << name;
    }
  }
}

TEST(FusedTableOptimizer, SameBitsForAnyNumberOfThreads) {
  for (const TableRule& rule : RulesToTry()) {
    std::vector<at::Tensor> expected;
    std::vector<double> norms;
    for (const int threads : {1, 2, 3}) {
      at::set_num_threads(threads);
      const at::Tensor weights = RandomWeights(20'000, 16);
      const auto optimizer = TableOptimizer::Create(rule, weights);
      for (int step = 0; step < 3; ++step) {
        const Batch batch = RandomBatch(step, 30'000, 20'000, 16);
        optimizer->Prepare(batch.members, batch.gradients);
        norms.push_back(optimizer->SquaredNorm());
        optimizer->Apply(0.01);
      }
      std::vector<at::Tensor> all = {weights};
      for (const auto& [name, tensor] : optimizer->state()) all.push_back(tensor);
      if (expected.empty()) expected = all;
      for (size_t i = 0; i < all.size(); ++i) EXPECT_TRUE(all[i].equal(expected[i])) << threads << " threads, " << i;
    }
    for (size_t i = 3; i < norms.size(); ++i) EXPECT_EQ(norms[i], norms[i % 3]);
  }
  at::set_num_threads(1);
}

// (1e8 + 1) - 1e8 is 0 in float and (1e8 - 1e8) + 1 is 1, however far apart they are.
TEST_P(TableOptimizerTest, SumsInTheOrderOfTheBatch) {
  for (const int threads : {1, 3}) {
    at::set_num_threads(threads);
    constexpr int64_t kCount = 40'000;
    for (const auto& [second, third, sum] : {std::tuple(1.0F, -1e8F, 0.0F), std::tuple(-1e8F, 1.0F, 1.0F)}) {
      const Batch batch = {at::empty({kCount}, at::kLong), at::zeros({kCount, 1})};
      for (int64_t i = 0; i < kCount; ++i) batch.members.data_ptr<int64_t>()[i] = 1 + i % 10'000;
      for (const auto& [i, g] : {std::pair(7, 1e8F), std::pair(20'000, second), std::pair(39'999, third)}) {
        batch.members.data_ptr<int64_t>()[i] = 0;
        batch.gradients.data_ptr<float>()[i] = g;
      }
      const at::Tensor weights = at::zeros({10'001, 1});
      Create({.kind = Kind::kSgd}, weights)->Step(batch.members, batch.gradients, 1);
      EXPECT_EQ(weights.data_ptr<float>()[0], -sum);
    }
  }
}

// All members in one part.
TEST_P(TableOptimizerTest, OneHotRow) {
  const at::Tensor weights = at::zeros({3, 3});
  const auto optimizer = Create({.kind = Kind::kSgd}, weights);
  optimizer->Step(at::full({20'000}, 1, at::kLong), at::full({20'000, 3}, 0.5), 1);
  EXPECT_EQ(ValuesOf(weights), std::vector<float>({0, 0, 0, -10'000, -10'000, -10'000, 0, 0, 0}));
}

// NaN everywhere else: what is written, or read for something, shows.
TEST_P(TableOptimizerTest, OtherRowsStay) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const TableRule& rule : RulesToTry()) {
    for (const int64_t width : kWidths) {
      const at::Tensor weights = at::full({40, width}, nan);
      const auto optimizer = Create(rule, weights);
      std::vector<at::Tensor> all = {weights};
      for (const auto& [name, tensor] : optimizer->state()) {
        tensor.fill_(nan);
        all.push_back(tensor);
      }
      const std::set<int64_t> touched = {0, 7, 8, 39};
      for (const at::Tensor& tensor : all) {
        for (const int64_t row : touched) tensor[row].fill_(2);
      }
      for (int step = 0; step < 2; ++step) {
        optimizer->Step(Rows({8, 39, 0, 8, 7}), at::full({5, width}, 0.5), 0.1);
      }
      for (const at::Tensor& tensor : all) {
        for (int64_t row = 0; row < 40; ++row) {
          const std::vector<float> values = ValuesOf(tensor[row]);
          for (const float value : values) {
            EXPECT_EQ(std::isnan(value), touched.count(row) == 0) << row;
            EXPECT_NE(value, 2) << row;
          }
        }
      }
      EXPECT_FALSE(std::isnan(optimizer->SquaredNorm()));
    }
  }
}

TEST_P(TableOptimizerTest, NoMembers) {
  const at::Tensor weights = RandomWeights(5, 3), before = weights.clone();
  const auto optimizer = Create({.weight_decay = 1}, weights);
  optimizer->Prepare(Rows({1, 2}), at::zeros({2, 3}));
  optimizer->Prepare(at::empty({0}, at::kLong), at::empty({0, 3}));
  EXPECT_EQ(optimizer->SquaredNorm(), 0);
  optimizer->Apply(0.1);
  EXPECT_TRUE(weights.equal(before));
  EXPECT_EQ(optimizer->steps(), 1);
}

TEST_P(TableOptimizerTest, StateGoesIntoAnother) {
  for (const TableRule& rule : RulesToTry()) {
    const at::Tensor a = RandomWeights(100, 3);
    const auto first = Create(rule, a);
    const auto step = [&](TableOptimizer* optimizer, int index) {
      const Batch batch = RandomBatch(index, 60, 100, 3);
      optimizer->Step(batch.members, batch.gradients, 0.1);
    };
    for (int i = 0; i < 3; ++i) step(first.get(), i);
    const at::Tensor b = a.clone();
    const auto second = Create(rule, b);
    for (const auto& [name, tensor] : second->state()) tensor.copy_(first->state().at(name));
    second->set_steps(first->steps());
    for (int i = 3; i < 5; ++i) {
      step(first.get(), i);
      step(second.get(), i);
    }
    EXPECT_TRUE(a.equal(b));
    for (const auto& [name, tensor] : second->state()) EXPECT_TRUE(tensor.equal(first->state().at(name))) << name;
  }
}

TEST(FusedTableOptimizer, RefusesWhatIsNoRow) {
  const at::Tensor weights = at::zeros({5, 2});
  const auto optimizer = TableOptimizer::Create({}, weights);
  for (const int64_t bad : {int64_t{-1}, int64_t{5}, std::numeric_limits<int64_t>::min()}) {
    EXPECT_THROW(optimizer->Step(Rows({1, bad}), at::full({2, 2}, 1.0), 0.1), c10::Error) << bad;
  }
  EXPECT_EQ(optimizer->steps(), 0);
  EXPECT_EQ(ValuesOf(weights), std::vector<float>(10));
  EXPECT_EQ(ValuesOf(optimizer->state().at("v")), std::vector<float>(10));
}

TEST_P(TableOptimizerTest, RefusesOtherShapesAndTypes) {
  const auto optimizer = Create({}, at::zeros({5, 2}));
  const at::Tensor members = Rows({1, 2}), gradients = at::zeros({2, 2});
  EXPECT_THROW(optimizer->Prepare(members, at::zeros({2, 3})), c10::Error);
  EXPECT_THROW(optimizer->Prepare(members, at::zeros({3, 2})), c10::Error);
  EXPECT_THROW(optimizer->Prepare(members, gradients.to(at::kDouble)), c10::Error);
  EXPECT_THROW(optimizer->Prepare(members.to(at::kInt), gradients), c10::Error);
  EXPECT_THROW(optimizer->Prepare(members.view({2, 1}), gradients), c10::Error);
  EXPECT_THROW(Create({}, at::zeros({5})), c10::Error);
  EXPECT_THROW(Create({}, at::zeros({5, 2}, at::kDouble)), c10::Error);
  EXPECT_THROW(Create({}, at::zeros({2, 5}).t()), c10::Error);
}

TEST(FusedTableOptimizer, ReadsWhatIsNotContiguous) {
  const at::Tensor weights = at::zeros({3, 2});
  const auto optimizer = TableOptimizer::Create({.kind = Kind::kSgd}, weights);
  // One gradient for all, as the backward pass of a sum makes it.
  optimizer->Step(Rows({0, 9, 2, 9}).view({2, 2}).select(1, 0), Floats({1, 2}, {1, 2}).expand({2, 2}), 1);
  EXPECT_EQ(ValuesOf(weights), std::vector<float>({-1, -2, 0, 0, -1, -2}));
}

TEST(TableZeros, AreZerosSmallAndLarge) {
  for (const int64_t rows : {int64_t{0}, int64_t{3}, int64_t{1} << 18}) {
    const at::Tensor zeros = TableZeros({rows, 3}, at::kFloat);
    EXPECT_EQ(zeros.sizes(), at::IntArrayRef({rows, 3}));
    EXPECT_EQ(zeros.abs().sum().item<double>(), 0);
    zeros.fill_(1);  // up to its last page
    EXPECT_EQ(zeros.sum().item<double>(), static_cast<double>(3 * rows));
  }
  EXPECT_THROW(TableZeros({int64_t{1} << 40, int64_t{1} << 40}, at::kFloat), c10::Error);
}

}  // namespace
}  // namespace vickrey::trainer
