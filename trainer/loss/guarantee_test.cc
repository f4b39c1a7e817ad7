// The guarantees and traps of docs/losses.md.
#include "trainer/loss/loss_testing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

// ---- Guarantees.

double Regret(const LossBatch& batch, const std::vector<double>& logits) {
  size_t top = 0, best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (batch.bids[i] * Sigmoid(logits[i]) > batch.bids[top] * Sigmoid(logits[top])) top = i;
    if (batch.bids[i] * batch.labels[i] > batch.bids[best] * batch.labels[best]) best = i;
  }
  return batch.bids[best] * batch.labels[best] - batch.bids[top] * batch.labels[top];
}

double ZeroOne(const LossBatch& batch, const std::vector<double>& logits, const std::string& more = "pairs: all") {
  return Compute(RankConfig("surrogate: zero_one, " + more), batch, logits).value;
}

TEST(G1, RegretIsBoundedByTheZeroOneLoss) {
  int tight = 0;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    const RandomCase r =
        RandomBatch(seed, LabelKind::kProbabilities, /*masked=*/0, /*auctions=*/1, /*least=*/2, /*most=*/12);
    const double regret = Regret(r.batch, r.logits), all = ZeroOne(r.batch, r.logits),
                 top = ZeroOne(r.batch, r.logits, "pairs: top");
    EXPECT_GE(regret, 0);
    EXPECT_LE(regret, top * (1 + 1e-12)) << seed;
    EXPECT_LE(top, all * (1 + 1e-12)) << seed;
    tight += regret > 0 && regret < all;
    if (r.logits.size() == 2) {
      EXPECT_NEAR(regret, all, 1e-12 * std::max(1.0, all)) << seed;
    }
  }
  EXPECT_GT(tight, 100);
}

TEST(G2, SurrogatesAreAboveTheZeroOneLoss) {
  for (const char* surrogate : {"logistic", "hinge"}) {
    for (const char* margin : {"ecpm", "log_ecpm"}) {
      for (const double sigma : {0.25, 1.0, 4.0, 20.0}) {
        const LossConfig config =
            RankConfig(absl::StrCat("pairs: all, surrogate: ", surrogate, ", margin: ", margin, ", sigma: ", sigma));
        for (uint64_t seed = 0; seed < 60; ++seed) {
          const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities, 0, 1, 2, 8);
          const double zero_one = ZeroOne(r.batch, r.logits);
          EXPECT_LE(Regret(r.batch, r.logits), zero_one * (1 + 1e-12));
          EXPECT_LE(zero_one, Compute(config, r.batch, r.logits).value * (1 + 1e-12))
              << Name(config) << " seed " << seed;
        }
        // Equality at a tie, where phi(0) = 1: D = 2 x (3/4 - 1/4).
        EXPECT_DOUBLE_EQ(Compute(config, One({2, 2}, {0.75, 0.25}), {-1, -1}).value, 1);
      }
    }
  }
}

// The expectation over independent clicks with the batch's labels as their probabilities.
double OverClicks(const LossBatch& truth, const std::function<double(const LossBatch&)>& value) {
  double sum = 0;
  const size_t n = truth.labels.size();
  for (unsigned clicks = 0; clicks < 1u << n; ++clicks) {
    LossBatch batch = truth;
    double probability = 1;
    for (size_t i = 0; i < n; ++i) {
      const bool click = clicks >> i & 1;
      batch.labels[i] = click;
      probability *= click ? truth.labels[i] : 1 - truth.labels[i];
    }
    sum += probability * value(batch);
  }
  return sum;
}

TEST(G3, SignedClicksAreUnbiased) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities, 0, 1, 3, 3);
    const double expected = OverClicks(
        r.batch, [&](const LossBatch& batch) { return ZeroOne(batch, r.logits, "pairs: all, weight: signed"); });
    double absolute = 0;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = i + 1; j < 3; ++j) {
        absolute += std::abs(r.batch.bids[i] * r.batch.labels[i] - r.batch.bids[j] * r.batch.labels[j]);
      }
    }
    EXPECT_NEAR(expected, 2 * ZeroOne(r.batch, r.logits) - absolute, 1e-12 * std::max(1.0, absolute)) << seed;
  }
}

TEST(G5, PositiveClicksKeepTheOrder) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    base::RandomStream random(seed, base::StreamId("test"), 1);
    const std::vector<double> bids = {random.LogNormal(0, 1), random.LogNormal(0, 1)};
    // A joint law of the clicks (0,0), (1,0), (0,1), (1,1), dependent in general.
    double law[4], total = 0, first_won = 0, second_won = 0;
    for (double& p : law) total += p = random.Uniform();
    for (int clicks = 0; clicks < 4; ++clicks) {
      const LossBatch batch = One(bids, {double(clicks & 1), double(clicks >> 1)});
      // With the second on top the loss is (Y_01)+, with the first on top (Y_10)+.
      first_won += law[clicks] / total * ZeroOne(batch, {-300, 300});
      second_won += law[clicks] / total * ZeroOne(batch, {300, -300});
    }
    const double truth = bids[0] * (law[1] + law[3]) / total - bids[1] * (law[2] + law[3]) / total;
    EXPECT_NEAR(first_won - second_won, truth, 1e-12 * std::max(1.0, std::abs(truth))) << seed;
  }
}

// Of the means of any sample: Reg <= L_teacher + |e_o| + |e_k|, e = b (t - p).
TEST(G4, ATeachersLabelsBoundTheRegret) {
  for (const double noise : {0.0, 0.3, 1.0}) {
    for (const char* surrogate : {"logistic", "hinge", "zero_one"}) {
      double regret = 0, loss = 0, error = 0;
      for (uint64_t seed = 0; seed < 200; ++seed) {
        const RandomCase truth = RandomBatch(seed, LabelKind::kProbabilities, 0, 1, 1, 9);
        base::RandomStream random(seed, base::StreamId("test"), 2);
        LossBatch teacher = truth.batch;
        for (size_t i = 0; i < teacher.labels.size(); ++i) {
          const double p = truth.batch.labels[i];
          teacher.labels[i] = Sigmoid(std::log(p / (1 - p)) + noise * random.Normal());
          error += std::pow(teacher.bids[i] * (teacher.labels[i] - p), 2) / 200;
        }
        regret += Regret(truth.batch, truth.logits) / 200;
        loss += Compute(RankConfig(absl::StrCat("pairs: all, sigma: 4, surrogate: ", surrogate)), teacher, truth.logits)
                    .value /
                200;
      }
      EXPECT_GT(regret, 0);
      EXPECT_LE(regret, loss + std::sqrt(2 * error)) << surrogate << " noise " << noise;
    }
  }
}

// One constant keeps every order by b f and every price, next score / f; Platt scaling does not.
TEST(T4, OneConstantKeepsOrdersAndPricesButPlattScalingDoesNot) {
  int changed = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities, 0, 1, 3, 8);
    const auto best_two = [&](const std::function<double(double)>& f) {
      std::vector<size_t> order(r.logits.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = i;
      const auto score = [&](size_t i) { return r.batch.bids[i] * f(r.logits[i]); };
      std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return score(i) > score(j); });
      return std::pair(order, score(order[1]) / f(r.logits[order[0]]));
    };
    const auto [order, price] = best_two(Sigmoid);
    const auto [scaled_order, scaled_price] = best_two([](double u) { return 0.37 * Sigmoid(u); });
    EXPECT_EQ(scaled_order, order);
    EXPECT_NEAR(scaled_price, price, 1e-12 * price);
    changed += best_two([](double u) { return Sigmoid(0.5 * u - 0.5); }).first != order;
  }
  EXPECT_GT(changed, 20);
}

TEST(Gmadl, TendsToHalfOfMadl) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities, 0);
    for (const char* pairs : {"all", "ppi"}) {
      const double madl = Compute(Config(absl::StrCat("{loss: madl, pairs: ", pairs, "}")), r.batch, r.logits).value;
      const double gmadl =
          Compute(Config(absl::StrCat("{loss: gmadl, a: 1e9, pairs: ", pairs, "}")), r.batch, r.logits).value;
      EXPECT_NEAR(gmadl, madl / 2, 1e-6 * std::abs(madl));
    }
  }
}

TEST(Gmadl, IsHalfTheTanhLossOfItsOwnSteepness) {
  const double a = 1.3;
  const LossBatch batch = One({3, 1}, {0.5, 0.25});
  const double difference = 3 * 0.5 - 0.25;
  const Result gmadl = Compute(Config("{loss: gmadl, pairs: all, a: 1.3}"), batch, {-0.5, 0.3});
  const Result tanh =
      Compute(RankConfig("pairs: all, surrogate: tanh"), batch, {-0.5, 0.3}, {.sigma = a * difference, .alpha = 0});
  EXPECT_NEAR(gmadl.value, tanh.value / 2, 1e-15);
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(gmadl.gradient[i], tanh.gradient[i] / 2, 1e-15);
}

TEST(Madl, IsTwiceTheZeroOneLossLessAConstant) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities, 0, 1, 2, 7);
    double total = 0;
    for (size_t i = 0; i < r.logits.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        total += std::abs(r.batch.bids[i] * r.batch.labels[i] - r.batch.bids[j] * r.batch.labels[j]);
      }
    }
    EXPECT_NEAR(Compute(Config("{loss: madl, pairs: all}"), r.batch, r.logits).value,
                2 * ZeroOne(r.batch, r.logits) - total, 1e-12 * total);
  }
}

TEST(SoftWinner, TendsToMinusTheWelfare) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities, 0, 1, 2, 7);
    double oracle = 0;
    for (size_t i = 0; i < r.logits.size(); ++i) oracle = std::max(oracle, r.batch.bids[i] * r.batch.labels[i]);
    EXPECT_NEAR(Compute(Config("{loss: soft_winner, tau: 1e-5}"), r.batch, r.logits).value,
                Regret(r.batch, r.logits) - oracle, 1e-9);
  }
}

}  // namespace
}  // namespace vickrey::trainer
