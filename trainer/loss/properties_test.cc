// What holds of every loss.
#include "trainer/loss/loss_testing.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace vickrey::trainer {
namespace {

// ---- Against the reference, and central differences of it.

TEST(EveryLoss, AgreesWithTheReference) {
  for (const LossConfig& config : EveryConfig()) {
    const double tolerance = config.loss() == "known_market" ? 1e-8 : 1e-12;  // of the reference's integral
    for (const LabelKind labels : {LabelKind::kClicks, LabelKind::kProbabilities}) {
      for (uint64_t seed = 1; seed <= 10; ++seed) {
        const RandomCase r = RandomBatch(seed, labels);
        const Point point = PointAt(config, 0);
        const std::vector<double> logits = r.LogitsFor(config);
        const double expected = Reference(config, r.batch, logits, logits, point);
        EXPECT_NEAR(Compute(config, r.batch, logits).value, expected, tolerance * std::max(1.0, std::abs(expected)))
            << Name(config) << " seed " << seed;
      }
    }
  }
}

TEST(EveryLoss, GradientIsTheSlopeOfTheReference) {
  constexpr double kStep = 1e-6;
  for (const LossConfig& config : EveryConfig()) {
    const Point point = PointAt(config, 0);
    double steepest = 0;
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      const RandomCase r = RandomBatch(seed, seed % 2 == 0 ? LabelKind::kClicks : LabelKind::kProbabilities);
      const std::vector<double> logits = r.LogitsFor(config);
      const Result result = Compute(config, r.batch, logits);
      ASSERT_EQ(result.gradient.size(), logits.size());
      for (size_t i = 0; i < logits.size(); ++i) {
        std::vector<double> up = logits, down = logits;
        up[i] += kStep;
        down[i] -= kStep;
        const double slope =
            (Reference(config, r.batch, up, logits, point) - Reference(config, r.batch, down, logits, point)) /
            (2 * kStep);
        EXPECT_NEAR(result.gradient[i], slope, 1e-7 * std::max(1.0, std::abs(slope)))
            << Name(config) << " seed " << seed << " candidate " << i;
        steepest = std::max(steepest, std::abs(slope));
      }
    }
    EXPECT_EQ(steepest > 1e-3, CheckTrainable(config).ok() || config.alpha() > 0) << Name(config);
  }
}

TEST(EveryLoss, FloatAgreesWithDouble) {
  for (const LossConfig& config : EveryConfig()) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const RandomCase r = RandomBatch(seed, LabelKind::kProbabilities);
      const std::vector<double> logits = r.LogitsFor(config);
      const Result wide = Compute(config, r.batch, logits);
      const Result narrow = Compute(config, r.batch, logits, PointAt(config, 0), at::kFloat);
      // A sum of both signs is measured against its terms, which are about 1.
      EXPECT_NEAR(narrow.value, wide.value, 1e-5 * std::max(1.0, std::abs(wide.value)))
          << Name(config) << " seed " << seed;
      double largest = 0;
      for (const double g : wide.gradient) largest = std::max(largest, std::abs(g));
      for (size_t i = 0; i < wide.gradient.size(); ++i) {
        EXPECT_NEAR(narrow.gradient[i], wide.gradient[i], 1e-5 * largest) << Name(config) << " seed " << seed;
      }
    }
  }
}

// ---- Invariances.

// The batch with its candidates in the order given.
RandomCase Reordered(const RandomCase& r, const std::vector<size_t>& order, std::vector<int64_t> offsets) {
  RandomCase out{.batch = {.offsets = std::move(offsets)}};
  for (const size_t i : order) {
    out.batch.bids.push_back(r.batch.bids[i]);
    out.batch.labels.push_back(r.batch.labels[i]);
    out.logits.push_back(r.logits[i]);
    out.no_click_logits.push_back(r.no_click_logits[i]);
  }
  return out;
}

void ExpectSameInOrder(const LossConfig& config, const RandomCase& r, const RandomCase& other,
                       const std::vector<size_t>& order) {
  const Result a = Compute(config, r.batch, r.LogitsFor(config)),
               b = Compute(config, other.batch, other.LogitsFor(config));
  EXPECT_NEAR(a.value, b.value, 1e-12 * std::max(1.0, std::abs(a.value))) << Name(config);
  const size_t outputs = Outputs(config);
  for (size_t i = 0; i < order.size() * outputs; ++i) {
    const double expected = a.gradient[order[i / outputs] * outputs + i % outputs];
    EXPECT_NEAR(b.gradient[i], expected, 1e-12 * std::max(1.0, std::abs(expected))) << Name(config);
  }
}

TEST(EveryLoss, TheOrderOfCandidatesDoesNotMatter) {
  const RandomCase r = RandomBatch(11, LabelKind::kProbabilities);
  std::vector<size_t> order(r.logits.size());
  std::iota(order.begin(), order.end(), 0);
  for (int64_t a = 0; a < r.batch.auctions(); ++a) {
    std::reverse(order.begin() + r.batch.offsets[a], order.begin() + r.batch.offsets[a + 1]);
  }
  for (const LossConfig& config : EveryConfig()) {
    ExpectSameInOrder(config, r, Reordered(r, order, r.batch.offsets), order);
  }
}

TEST(EveryLoss, TheOrderOfAuctionsDoesNotMatter) {
  const RandomCase r = RandomBatch(12, LabelKind::kProbabilities);
  std::vector<size_t> order;
  std::vector<int64_t> offsets = {0};
  for (int64_t a = r.batch.auctions() - 1; a >= 0; --a) {
    for (int64_t i = r.batch.offsets[a]; i < r.batch.offsets[a + 1]; ++i) order.push_back(i);
    offsets.push_back(static_cast<int64_t>(order.size()));
  }
  for (const LossConfig& config : EveryConfig()) ExpectSameInOrder(config, r, Reordered(r, order, offsets), order);
}

// A currency of a hundred times smaller units, with the scale 1 / mean target that training takes, and a law of the
// competition in the same currency.
TEST(T3, TheCurrencyDoesNotMatter) {
  const RandomCase r = RandomBatch(13, LabelKind::kProbabilities, /*masked=*/0);
  double mean = 0;
  for (size_t i = 0; i < r.logits.size(); ++i) mean += r.batch.bids[i] * r.batch.labels[i] / double(r.logits.size());
  LossBatch cents = r.batch;
  for (double& b : cents.bids) b *= 100;
  for (LossConfig config : EveryConfig()) {
    if (config.loss() == "bid_logloss") continue;
    const std::vector<double> logits = r.LogitsFor(config);
    config.set_scale(1 / mean);
    const Result a = Compute(config, r.batch, logits);
    config.set_scale(1 / (100 * mean));
    if (config.loss() == "known_market") config.set_mu(config.mu() + std::log(100));
    const Result b = Compute(config, cents, logits);
    EXPECT_NEAR(a.value, b.value, 1e-11 * std::max(1.0, std::abs(a.value))) << Name(config);
    for (size_t i = 0; i < a.gradient.size(); ++i) {
      EXPECT_NEAR(a.gradient[i], b.gradient[i], 1e-11 * std::max(1.0, std::abs(a.gradient[i]))) << Name(config);
    }
  }
}

// With log_ecpm and soft_winner the loss grows like the bids, and nothing else changes: no scale is needed.
TEST(T3, LogEcpmAndSoftWinnerAreLinearInTheBids) {
  const RandomCase r = RandomBatch(14, LabelKind::kClicks);
  LossBatch tenfold = r.batch;
  for (double& b : tenfold.bids) b *= 10;
  for (const char* yaml : {"{loss: welfare_rank, pairs: all}", "{loss: welfare_rank, pairs: top}",
                           "{loss: welfare_rank, pairs: ppi}", "{loss: soft_winner}"}) {
    const LossConfig config = Config(yaml);
    const Result one = Compute(config, r.batch, r.logits), ten = Compute(config, tenfold, r.logits);
    EXPECT_NEAR(ten.value, 10 * one.value, 1e-12 * std::max(1.0, std::abs(10 * one.value))) << yaml;
    for (size_t i = 0; i < one.gradient.size(); ++i) {
      EXPECT_NEAR(ten.gradient[i], 10 * one.gradient[i], 1e-11 * std::max(1.0, std::abs(one.gradient[i]))) << yaml;
    }
  }
}

TEST(WelfareRank, ScaleFactorsOutOfLogEcpm) {
  const RandomCase r = RandomBatch(15, LabelKind::kProbabilities);
  for (const char* surrogate : {"logistic", "hinge", "tanh", "zero_one"}) {
    const std::string yaml = absl::StrCat("pairs: all, surrogate: ", surrogate);
    const double plain = Compute(RankConfig(yaml), r.batch, r.logits).value;
    EXPECT_NEAR(Compute(RankConfig(yaml + ", scale: 0.125"), r.batch, r.logits).value, plain / 8,
                1e-12 * std::abs(plain));
  }
}

// ---- Where there is nothing to learn.

void ExpectZero(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits) {
  const Result r = Compute(config, batch, logits, {.sigma = config.sigma(), .tau = config.tau(), .alpha = 0});
  EXPECT_EQ(r.value, 0) << Name(config);
  for (const double g : r.gradient) EXPECT_EQ(g, 0) << Name(config);
}

TEST(EveryLoss, OneCandidateHasNoRank) {
  const LossBatch alone{.offsets = {0, 1, 2, 3}, .bids = {1, 2, 3}, .labels = {1, 0, 0.5}};
  for (const LossConfig& config : EveryConfig()) {
    if (HasEcpmPairs(config) || config.loss() == "ranknet") ExpectZero(config, alone, {0.5, -2, 3});
    if (config.loss() != "soft_winner" && config.loss() != "softmax") continue;
    // Its softmax is 1, whatever its logit.
    const Result r = Compute(config, alone, {0.5, -2, 3}, {.tau = 1, .alpha = 0});
    EXPECT_EQ(r.gradient, (std::vector<double>{0, 0, 0})) << Name(config);
  }
}

// At click rate q only 1 - (1 - q)^n of the auctions have a click, and so any weight; a teacher's labels give one to
// every pair.
TEST(T2, AnAuctionWithoutClicksHasNoWeight) {
  for (const LossConfig& config : EveryConfig()) {
    if (HasEcpmPairs(config) || config.loss() == "ranknet" || config.loss() == "soft_winner") {
      ExpectZero(config, One({1, 2, 4}, {0, 0, 0}), {0.5, -2, 3});
    }
    // A hinge may have its margin already.
    if (!HasEcpmPairs(config) || !CheckTrainable(config).ok() || config.surrogate() == "hinge") continue;
    const Result r = Compute(config, One({1, 2, 4}, {0.01, 0.02, 0.015}), {0.1, 0, -0.1}, {.sigma = 1, .alpha = 0});
    EXPECT_NE(r.gradient[1], 0) << Name(config);
  }
}

TEST(T5, EqualTargetsHaveNoWeight) {
  for (const LossConfig& config : EveryConfig()) {
    if (HasEcpmPairs(config)) ExpectZero(config, One({1, 2, 4}, {1, 0.5, 0.25}), {0.5, -2, 3});
    if (config.loss() == "ranknet") ExpectZero(config, One({1, 2, 4}, {0.5, 0.5, 0.5}), {0.5, -2, 3});
  }
}

TEST(T5, MaskedCandidatesTakePartInNothing) {
  const RandomCase r = RandomBatch(16, LabelKind::kProbabilities, /*masked=*/0.4);
  RandomCase without{.batch = {.offsets = {0}}};
  for (int64_t a = 0; a < r.batch.auctions(); ++a) {
    for (int64_t i = r.batch.offsets[a]; i < r.batch.offsets[a + 1]; ++i) {
      if (std::isnan(r.batch.labels[i])) continue;
      without.batch.bids.push_back(r.batch.bids[i]);
      without.batch.labels.push_back(r.batch.labels[i]);
      without.logits.push_back(r.logits[i]);
      without.no_click_logits.push_back(r.no_click_logits[i]);
    }
    without.batch.offsets.push_back(static_cast<int64_t>(without.logits.size()));
  }
  ASSERT_LT(without.logits.size(), r.logits.size());
  for (const LossConfig& config : EveryConfig()) {
    for (const bool composed : {false, true}) {
      const Point point = PointAt(config, 0);
      const Result all = Compute(config, r.batch, r.LogitsFor(config), point, at::kDouble, composed);
      const Result some = Compute(config, without.batch, without.LogitsFor(config), point, at::kDouble, composed);
      EXPECT_NEAR(all.value, some.value, 1e-12 * std::max(1.0, std::abs(some.value))) << Name(config);
      const size_t outputs = Outputs(config);
      size_t at = 0;
      for (size_t i = 0; i < all.gradient.size(); ++i) {
        if (std::isnan(r.batch.labels[i / outputs])) {
          EXPECT_EQ(all.gradient[i], 0) << Name(config);
        } else {
          EXPECT_NEAR(all.gradient[i], some.gradient[at], 1e-12 * std::max(1.0, std::abs(some.gradient[at])));
          ++at;
        }
      }
    }
  }
}

TEST(EveryLoss, WeightsOfAuctionsAreThoseOfCopies) {
  const RandomCase r = RandomBatch(18, LabelKind::kProbabilities);
  LossBatch weighted = r.batch;
  weighted.weights.assign(weighted.auctions(), 1);
  weighted.weights[1] = 3;
  RandomCase copied = r;
  for (int copy = 0; copy < 2; ++copy) {
    for (int64_t i = r.batch.offsets[1]; i < r.batch.offsets[2]; ++i) {
      copied.batch.bids.push_back(r.batch.bids[i]);
      copied.batch.labels.push_back(r.batch.labels[i]);
      copied.logits.push_back(r.logits[i]);
      copied.no_click_logits.push_back(r.no_click_logits[i]);
    }
    copied.batch.offsets.push_back(static_cast<int64_t>(copied.logits.size()));
  }
  for (const LossConfig& config : EveryConfig()) {
    const double expected = Compute(config, copied.batch, copied.LogitsFor(config)).value;
    for (const bool composed : {false, true}) {
      const Result once = Compute(config, weighted, r.LogitsFor(config), PointAt(config, 0), at::kDouble, composed);
      EXPECT_NEAR(once.value, expected, 1e-12 * std::max(1.0, std::abs(expected))) << Name(config);
    }
  }
}

TEST(EveryLoss, IsZeroWhereAllAreMasked) {
  for (const LossConfig& config : EveryConfig()) {
    for (const bool composed : {false, true}) {
      const std::vector<double> logits(2 * Outputs(config), -1);
      const Result r =
          Compute(config, One({1, 2}, {kMasked, kMasked}), logits, PointAt(config, 0), at::kDouble, composed);
      EXPECT_EQ(r.value, 0) << Name(config);
      EXPECT_EQ(r.gradient, std::vector<double>(logits.size(), 0)) << Name(config);
    }
  }
}

// ---- Extreme logits.

TEST(EveryLoss, IsFiniteForExtremeLogits) {
  const LossBatch batch = One({1e-3, 2, 5e4, 1}, {1, 0.5, 0, kMasked});
  for (const LossConfig& config : EveryConfig()) {
    for (const auto& logits :
         {std::vector<double>{1000, -1000, 1000, -1000}, std::vector<double>{-1000, 1000, 0, 1000},
          std::vector<double>{-1000, -1000, -1000, -1000}, std::vector<double>{90, 100, -100, 0}}) {
      for (const auto type : {at::kDouble, at::kFloat}) {
        if (Outputs(config) == 2) continue;
        const Result r = Compute(config, batch, logits, PointAt(config, 0), type);
        EXPECT_TRUE(std::isfinite(r.value)) << Name(config);
        for (const double g : r.gradient) EXPECT_TRUE(std::isfinite(g)) << Name(config);
      }
    }
  }
}

TEST(Jrc, IsFiniteForExtremeLogits) {
  const Result r = Compute(Config("{loss: jrc, alpha: 0.5}"), One({1, 2}, {1, 0.5}), {1000, -1000, -1000, 1000});
  EXPECT_TRUE(std::isfinite(r.value));
  for (const double g : r.gradient) EXPECT_TRUE(std::isfinite(g));
}

TEST(EveryLoss, ExtremeLogitsByHand) {
  const double kLn2 = std::log(2);
  // -log sigmoid(-1000) = 1000, and its slope 1.
  for (const double u : {-1000.0, 1000.0}) {
    const Result r = Compute(Config("{loss: logloss}"), One({1}, {u < 0 ? 1.0 : 0.0}), {u});
    EXPECT_DOUBLE_EQ(r.value, 1000);
    EXPECT_DOUBLE_EQ(r.gradient[0], u / 1000);
    EXPECT_EQ(Compute(Config("{loss: logloss}"), One({1}, {u < 0 ? 0.0 : 1.0}), {u}).value, 0);
  }
  // D = 1, d = -1000 - 0: log2(1 + e^1000) = 1000 / ln 2, of slope -1 / ln 2 in s; ds/du = 1 and 0.
  const Result r = Compute(RankConfig("pairs: all, sigma: 1"), One({1, 1}, {1, 0}), {-1000, 1000});
  EXPECT_DOUBLE_EQ(r.value, 1000 / kLn2);
  EXPECT_DOUBLE_EQ(r.gradient[0], -1 / kLn2);
  EXPECT_EQ(r.gradient[1], 0);
}

}  // namespace
}  // namespace vickrey::trainer
