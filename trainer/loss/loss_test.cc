#include "trainer/loss/loss.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/loss/tensors.h"
#include "vickrey/base/config.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using vickrey::config::v1::LossConfig;

constexpr double kMasked = std::numeric_limits<double>::quiet_NaN();
const double kLn2 = std::log(2), kLn3 = std::log(3);

// A finished configuration, from YAML.
LossConfig Config(const std::string& yaml) {
  LossConfig config;
  const absl::Status status = base::LoadConfig(yaml, "test", &config);
  EXPECT_TRUE(status.ok()) << status;
  return config;
}

LossConfig RankConfig(const std::string& yaml) { return Config(absl::StrCat("{loss: welfare_rank, ", yaml, "}")); }

struct Result {
  double value = 0;
  std::vector<double> gradient;
};

Result Compute(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits, const Point& point,
               at::ScalarType type = at::kDouble) {
  at::set_num_threads(1);  // for tensors this small, others only spin: tenfold slower on a busy machine
  const auto loss = MakeLoss(config);
  EXPECT_TRUE(loss.ok()) << loss.status();
  at::Tensor tensor = CopyOf(logits, type);
  tensor.set_requires_grad(true);
  const at::Tensor value = (*loss)->Value(tensor, batch, point);
  EXPECT_EQ(value.dim(), 0);
  EXPECT_EQ(value.scalar_type(), type);
  value.backward();
  const at::Tensor gradient = tensor.grad().to(at::kDouble).contiguous();
  return {value.item<double>(), {gradient.data_ptr<double>(), gradient.data_ptr<double>() + gradient.numel()}};
}

Result Compute(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits) {
  return Compute(config, batch, logits, PointAt(config, 0));
}

LossBatch One(std::vector<double> bids, std::vector<double> labels) {
  const auto n = static_cast<int64_t>(bids.size());
  return {.offsets = {0, n}, .bids = std::move(bids), .labels = std::move(labels)};
}

// ---- The reference: the definitions, pair by pair.

double Sigmoid(double u) { return 1 / (1 + std::exp(-u)); }

double Score(const LossConfig& config, double bid, double logit) {
  const double scale = config.has_scale() ? config.scale() : 1;
  return config.margin() == "ecpm" ? scale * bid * Sigmoid(logit) : std::log(bid * Sigmoid(logit));
}

// The weights of the pairs of an auction, by the model that `logits` are of.
std::vector<std::vector<double>> PairWeights(const LossConfig& config, const std::vector<double>& bids,
                                             const std::vector<double>& labels, const std::vector<double>& logits) {
  const size_t n = bids.size();
  std::vector<std::vector<double>> weights(n, std::vector<double>(n, 1));
  if (config.pairs() == "all") return weights;
  size_t top = n;
  double sum = 0;
  std::vector<double> pi(n, 0);
  for (size_t i = 0; i < n; ++i) {
    if (std::isnan(labels[i])) continue;
    if (top == n || bids[i] * Sigmoid(logits[i]) > bids[top] * Sigmoid(logits[top])) top = i;
    pi[i] = std::pow(bids[i] * Sigmoid(logits[i]), 10);  // softmax(log(b f) / 0.1)
    sum += pi[i];
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      weights[i][j] = config.pairs() == "top" ? double(i == top || j == top) : 4 * pi[i] * pi[j] / (sum * sum);
    }
  }
  return weights;
}

// L of one auction.
double ReferenceRank(const LossConfig& config, const std::vector<double>& bids, const std::vector<double>& labels,
                     const std::vector<double>& logits, const std::vector<double>& frozen, double sigma) {
  const double scale = config.has_scale() ? config.scale() : 1;
  const auto weights = PairWeights(config, bids, labels, frozen);
  double sum = 0;
  for (size_t i = 0; i < bids.size(); ++i) {
    for (size_t j = 0; j < bids.size(); ++j) {
      if (i == j || std::isnan(labels[i]) || std::isnan(labels[j])) continue;
      const double difference = scale * (bids[i] * labels[i] - bids[j] * labels[j]);
      const double d = Score(config, bids[i], logits[i]) - Score(config, bids[j], logits[j]);
      const double weight = weights[i][j] * (config.weight() == "signed" ? difference : std::max(difference, 0.0));
      if (config.surrogate() == "logistic") sum += weight * std::log2(1 + std::exp(-sigma * d));
      if (config.surrogate() == "hinge") sum += weight * std::max(1 - sigma * d, 0.0);
      if (config.surrogate() == "zero_one") sum += weight * (d <= 0);
      if (config.surrogate() == "tanh" && i < j) sum -= weights[i][j] * difference * std::tanh(sigma * d / 2);
    }
  }
  return sum;
}

// The value of the loss at `logits`, with the selection of pairs that the model of `frozen` makes.
double Reference(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits,
                 const std::vector<double>& frozen, const Point& point) {
  double rank = 0, cross_entropy = 0;
  int64_t count = 0;
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    const auto cut = [&](const std::vector<double>& values) {
      return std::vector<double>(values.begin() + batch.offsets[a], values.begin() + batch.offsets[a + 1]);
    };
    if (config.loss() == "welfare_rank") {
      rank += ReferenceRank(config, cut(batch.bids), cut(batch.labels), cut(logits), cut(frozen), point.sigma);
    }
  }
  for (size_t i = 0; i < logits.size(); ++i) {
    const double q = batch.labels[i], f = Sigmoid(logits[i]);
    if (std::isnan(q)) continue;
    ++count;
    cross_entropy -=
        (config.loss() == "bid_logloss" ? batch.bids[i] : 1) * (q * std::log(f) + (1 - q) * std::log1p(-f));
  }
  cross_entropy /= double(std::max<int64_t>(count, 1)) * config.base_rate();
  if (config.loss() != "welfare_rank") return cross_entropy;
  return (1 - point.alpha) * rank / double(batch.auctions()) + point.alpha * cross_entropy;
}

// ---- Random batches.

enum class Labels { kClicks, kProbabilities };

struct Random {
  LossBatch batch;
  std::vector<double> logits;  // that a float holds exactly
};

Random RandomBatch(uint64_t seed, Labels labels, double masked = 0.15, int auctions = 6, int least = 1, int most = 8) {
  base::RandomStream random(seed, base::StreamId("test"), 0);
  Random r;
  for (int a = 0; a < auctions; ++a) {
    const int64_t n = least + static_cast<int64_t>(random.Below(most - least + 1));
    r.batch.offsets.push_back(r.batch.offsets.back() + n);
    for (int64_t i = 0; i < n; ++i) {
      r.batch.bids.push_back(random.LogNormal(0, 1));
      const double q = Sigmoid(-1 + random.Normal());
      const double label = labels == Labels::kClicks ? random.Bernoulli(q) : q;
      r.batch.labels.push_back(random.Bernoulli(masked) ? kMasked : label);
      r.logits.push_back(static_cast<float>(-1 + 1.5 * random.Normal()));
    }
  }
  return r;
}

// Every combination of the axes that is not refused, with and without a scale and a share of the cross-entropy; and the
// losses without pairs.
std::vector<LossConfig> EveryConfig() {
  std::vector<LossConfig> configs = {Config("{loss: logloss}"), Config("{loss: logloss, base_rate: 0.05}"),
                                     Config("{loss: bid_logloss}"), Config("{loss: bid_logloss, base_rate: 0.2}")};
  for (const char* surrogate : {"logistic", "hinge", "tanh", "zero_one"}) {
    for (const char* margin : {"ecpm", "log_ecpm"}) {
      for (const char* pairs : {"all", "top", "ppi"}) {
        for (const char* weight : {"positive", "signed"}) {
          for (const char* rest : {"sigma: 1", "sigma: 4, scale: 2.5, alpha: 0.3, base_rate: 0.25"}) {
            const LossConfig config = RankConfig(absl::StrCat("surrogate: ", surrogate, ", margin: ", margin,
                                                              ", pairs: ", pairs, ", weight: ", weight, ", ", rest));
            if (MakeLoss(config).ok()) configs.push_back(config);
          }
        }
      }
    }
  }
  return configs;
}

std::string Name(const LossConfig& config) { return config.ShortDebugString(); }

// ---- Numbers derived by hand.

// softplus(0) = ln 2, softplus(ln 3) = ln (1 + 3) = 2 ln 2. Clicked: softplus - u.
TEST(Logloss, ByHand) {
  const LossBatch batch = One({2, 3, 5}, {1, 0, kMasked});
  const std::vector<double> logits = {0, kLn3, 7};
  // (ln 2 + 2 ln 2) / 2. Gradient (f - y) / 2 with f = 1/2, 3/4.
  Result r = Compute(Config("{loss: logloss}"), batch, logits);
  EXPECT_DOUBLE_EQ(r.value, 1.5 * kLn2);
  EXPECT_DOUBLE_EQ(r.gradient[0], -0.25);
  EXPECT_DOUBLE_EQ(r.gradient[1], 0.375);
  EXPECT_EQ(r.gradient[2], 0);
  r = Compute(Config("{loss: logloss, base_rate: 0.5}"), batch, logits);
  EXPECT_DOUBLE_EQ(r.value, 3 * kLn2);
  EXPECT_DOUBLE_EQ(r.gradient[0], -0.5);
}

TEST(Logloss, TakesFractionsAsLabels) {
  // u = ln 3, q = 3/4: softplus - q u = ln 4 - 3/4 ln 3, where the gradient f - q is 0.
  const Result r = Compute(Config("{loss: logloss}"), One({1}, {0.75}), {kLn3});
  EXPECT_DOUBLE_EQ(r.value, 2 * kLn2 - 0.75 * kLn3);
  EXPECT_NEAR(r.gradient[0], 0, 1e-15);
}

TEST(BidLogloss, ByHand) {
  const Result r = Compute(Config("{loss: bid_logloss}"), One({2, 3, 5}, {1, 0, kMasked}), {0, kLn3, 7});
  EXPECT_DOUBLE_EQ(r.value, (2 * kLn2 + 3 * 2 * kLn2) / 2);
  EXPECT_DOUBLE_EQ(r.gradient[0], -0.5);
  EXPECT_DOUBLE_EQ(r.gradient[1], 1.125);
  EXPECT_EQ(r.gradient[2], 0);
}

TEST(WelfareRank, LogisticOfLogEcpmByHand) {
  // v = 2, 1, so D = 1. f = 1/2 for both, so d = log 2 and exp(-d) = 1/2.
  // dL/ds_0 = -1/ln 2 x sigmoid(-log 2) = -1 / (3 ln 2); ds/du = 1 - f = 1/2.
  const Result r = Compute(RankConfig("pairs: all, sigma: 1"), One({2, 1}, {1, 1}), {0, 0});
  EXPECT_DOUBLE_EQ(r.value, std::log2(1.5));
  EXPECT_DOUBLE_EQ(r.gradient[0], -1 / (6 * kLn2));
  EXPECT_DOUBLE_EQ(r.gradient[1], 1 / (6 * kLn2));
  // The other way round d = -log 2, exp(-2 d) = 4: log2(5).
  EXPECT_DOUBLE_EQ(Compute(RankConfig("pairs: all, sigma: 2"), One({2, 1}, {0, 1}), {0, 0}).value, std::log2(5));
}

TEST(WelfareRank, EcpmIsScaledByHand) {
  // v = 3 x 2 x 1, 0, so D = 6. s = 3 x 2/2, 3 x 1/2, so d = 1.5.
  const LossBatch batch = One({2, 1}, {1, 0});
  const Result logistic = Compute(RankConfig("pairs: all, margin: ecpm, scale: 3, sigma: 2"), batch, {0, 0});
  EXPECT_NEAR(logistic.value, 6 * std::log2(1 + std::exp(-3)), 1e-14);
  // 1 - 0.5 x 1.5 = 0.25. ds/du = 3 b / 4 = 1.5, 0.75; dL/ds = -6 x 0.5, 6 x 0.5.
  const Result hinge =
      Compute(RankConfig("pairs: all, margin: ecpm, scale: 3, sigma: 0.5, surrogate: hinge"), batch, {0, 0});
  EXPECT_DOUBLE_EQ(hinge.value, 1.5);
  EXPECT_DOUBLE_EQ(hinge.gradient[0], -4.5);
  EXPECT_DOUBLE_EQ(hinge.gradient[1], 2.25);
  // Beyond the hinge: 1 - 1.5 < 0.
  const Result beyond =
      Compute(RankConfig("pairs: all, margin: ecpm, scale: 3, sigma: 1, surrogate: hinge"), batch, {0, 0});
  EXPECT_EQ(beyond.value, 0);
  EXPECT_EQ(beyond.gradient[0], 0);
}

TEST(WelfareRank, TanhByHand) {
  // d = log 2, so tanh(2 d / 2) = (2 - 1/2) / (2 + 1/2) = 0.6; D = 2 - 1 and 0 - 1.
  const LossConfig config = RankConfig("pairs: all, sigma: 2, surrogate: tanh");
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 1}, {1, 1}), {0, 0}).value, -0.6);
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 1}, {0, 1}), {0, 0}).value, 0.6);
  // dL/ds_0 = -D (1 - 0.36) sigma / 2 = -0.64; ds/du = 1/2.
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 1}, {1, 1}), {0, 0}).gradient[0], -0.32);
}

TEST(WelfareRank, ZeroOneByHand) {
  // v = 3, 2, 0: D_01 = 1, D_02 = 3, D_12 = 2.
  const LossBatch batch = One({3, 2, 1}, {1, 1, 0});
  const LossConfig config = RankConfig("pairs: all, surrogate: zero_one");
  EXPECT_EQ(Compute(config, batch, {0, 0, 0}).value, 0);
  EXPECT_DOUBLE_EQ(Compute(config, batch, {-1, 0, -1}).value, 1);  // 1, 0, 2
  EXPECT_DOUBLE_EQ(Compute(config, batch, {-9, -5, 0}).value, 6);  // 2, 1, 0
  EXPECT_EQ(Compute(config, batch, {-9, -5, 0}).gradient, (std::vector<double>{0, 0, 0}));
  // A tie is an error: 1{d <= 0}.
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 2}, {1, 0}), {0.5, 0.5}).value, 2);
}

TEST(WelfareRank, SignedZeroOneByHand) {
  // D = 1: right -1, since only the pair (1, 0) counts; wrong +1; a tie counts both.
  const LossConfig config = RankConfig("pairs: all, surrogate: zero_one, weight: signed");
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 1}, {1, 1}), {0, 0}).value, -1);
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 1}, {1, 1}), {-5, 0}).value, 1);
  EXPECT_DOUBLE_EQ(Compute(config, One({2, 2}, {1, 0.5}), {-1, -1}).value, 0);
}

TEST(WelfareRank, PpiByHand) {
  // f = 1/2, s_0 - s_1 = 0.1 log 3, so pi = 3/4, 1/4 and the weight 4 x 3/16. D = b_0.
  const double bid = std::pow(3, 0.1);
  const LossBatch batch = One({bid, 1}, {1, 0});
  EXPECT_NEAR(Compute(RankConfig("pairs: ppi, sigma: 10"), batch, {0, 0}).value, 0.75 * bid * std::log2(4.0 / 3),
              1e-14);
  // The weights are those of log_ecpm whatever the margin: d = (b_0 - 1) / 2.
  EXPECT_NEAR(Compute(RankConfig("pairs: ppi, sigma: 1, margin: ecpm, surrogate: hinge"), batch, {0, 0}).value,
              0.75 * bid * (1 - (bid - 1) / 2), 1e-14);
  // Three with one score: 4/9 each, D = 1, 1, 0, all tied. A masked candidate leaves two: 1, D = 1.
  const LossConfig ties = RankConfig("pairs: ppi, surrogate: zero_one");
  EXPECT_NEAR(Compute(ties, One({1, 1, 1}, {1, 0, 0}), {2, 2, 2}).value, 8.0 / 9, 1e-15);
  EXPECT_NEAR(Compute(ties, One({1, 1, 1}, {1, 0, kMasked}), {2, 2, 2}).value, 1, 1e-15);
}

TEST(WelfareRank, TopByHand) {
  // v = 0, 1, 3 and scores the other way round: D_10 = 1, D_20 = 3, D_21 = 2.
  const LossConfig top = RankConfig("pairs: top, surrogate: zero_one");
  EXPECT_DOUBLE_EQ(
      Compute(RankConfig("pairs: all, surrogate: zero_one"), One({4, 4, 4}, {0, 0.25, 0.75}), {2, 1, 0}).value, 6);
  EXPECT_DOUBLE_EQ(Compute(top, One({4, 4, 4}, {0, 0.25, 0.75}), {2, 1, 0}).value, 4);
  EXPECT_DOUBLE_EQ(Compute(top, One({4, 4, 4}, {kMasked, 0.25, 0.75}), {2, 1, 0}).value, 2);
  // The top is by bid x pCTR, not by pCTR: here candidate 1, and D_20, which is wrong too, does not count.
  EXPECT_DOUBLE_EQ(Compute(top, One({4, 400, 4}, {0.5, 1, 0.75}), {2, 1, 0}).value, 0);
}

TEST(WelfareRank, MixOfMeansByHand) {
  // Three auctions: L = log2(1.5), nothing in an auction of one, and all masked. Cross-entropy over the three
  // candidates that are not: ln 2 each.
  const LossBatch batch{.offsets = {0, 2, 3, 5}, .bids = {2, 1, 9, 1, 2}, .labels = {1, 1, 0, kMasked, kMasked}};
  const LossConfig config = RankConfig("pairs: all, sigma: 1, alpha: 0.25, base_rate: 0.1");
  EXPECT_DOUBLE_EQ(Compute(config, batch, {0, 0, 0, 5, 6}).value, 0.75 * std::log2(1.5) / 3 + 0.25 * kLn2 / 0.1);
  // alpha 1 leaves the cross-entropy alone.
  EXPECT_DOUBLE_EQ(Compute(config, batch, {0, 0, 0, 5, 6}, {.sigma = 1, .alpha = 1}).value, kLn2 / 0.1);
}

// ---- Against the reference, and central differences of it.

TEST(EveryLoss, AgreesWithTheReference) {
  for (const LossConfig& config : EveryConfig()) {
    for (const Labels labels : {Labels::kClicks, Labels::kProbabilities}) {
      for (uint64_t seed = 1; seed <= 10; ++seed) {
        const Random r = RandomBatch(seed, labels);
        const Point point = PointAt(config, 0);
        const double expected = Reference(config, r.batch, r.logits, r.logits, point);
        EXPECT_NEAR(Compute(config, r.batch, r.logits).value, expected, 1e-12 * std::max(1.0, std::abs(expected)))
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
      const Random r = RandomBatch(seed, seed % 2 == 0 ? Labels::kClicks : Labels::kProbabilities);
      const Result result = Compute(config, r.batch, r.logits);
      ASSERT_EQ(result.gradient.size(), r.logits.size());
      for (size_t i = 0; i < r.logits.size(); ++i) {
        std::vector<double> up = r.logits, down = r.logits;
        up[i] += kStep;
        down[i] -= kStep;
        const double slope =
            (Reference(config, r.batch, up, r.logits, point) - Reference(config, r.batch, down, r.logits, point)) /
            (2 * kStep);
        EXPECT_NEAR(result.gradient[i], slope, 1e-7 * std::max(1.0, std::abs(slope)))
            << Name(config) << " seed " << seed << " candidate " << i;
        steepest = std::max(steepest, std::abs(slope));
      }
    }
    const bool flat = config.surrogate() == "zero_one" && config.loss() == "welfare_rank" && config.alpha() == 0;
    EXPECT_EQ(steepest > 1e-3, !flat) << Name(config);
  }
}

TEST(EveryLoss, FloatAgreesWithDouble) {
  for (const LossConfig& config : EveryConfig()) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const Random r = RandomBatch(seed, Labels::kProbabilities);
      const Result wide = Compute(config, r.batch, r.logits);
      const Result narrow = Compute(config, r.batch, r.logits, PointAt(config, 0), at::kFloat);
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
Random Reordered(const Random& r, const std::vector<size_t>& order, std::vector<int64_t> offsets) {
  Random out{.batch = {.offsets = std::move(offsets)}};
  for (const size_t i : order) {
    out.batch.bids.push_back(r.batch.bids[i]);
    out.batch.labels.push_back(r.batch.labels[i]);
    out.logits.push_back(r.logits[i]);
  }
  return out;
}

void ExpectSameInOrder(const LossConfig& config, const Random& r, const Random& other,
                       const std::vector<size_t>& order) {
  const Result a = Compute(config, r.batch, r.logits), b = Compute(config, other.batch, other.logits);
  EXPECT_NEAR(a.value, b.value, 1e-12 * std::max(1.0, std::abs(a.value))) << Name(config);
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_NEAR(b.gradient[i], a.gradient[order[i]], 1e-12 * std::max(1.0, std::abs(a.gradient[order[i]])))
        << Name(config);
  }
}

TEST(EveryLoss, TheOrderOfCandidatesDoesNotMatter) {
  const Random r = RandomBatch(11, Labels::kProbabilities);
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
  const Random r = RandomBatch(12, Labels::kProbabilities);
  std::vector<size_t> order;
  std::vector<int64_t> offsets = {0};
  for (int64_t a = r.batch.auctions() - 1; a >= 0; --a) {
    for (int64_t i = r.batch.offsets[a]; i < r.batch.offsets[a + 1]; ++i) order.push_back(i);
    offsets.push_back(static_cast<int64_t>(order.size()));
  }
  for (const LossConfig& config : EveryConfig()) ExpectSameInOrder(config, r, Reordered(r, order, offsets), order);
}

// A currency of a hundred times smaller units, with the scale 1 / mean target that training takes (T3).
TEST(WelfareRank, TheCurrencyDoesNotMatter) {
  const Random r = RandomBatch(13, Labels::kProbabilities, /*masked=*/0);
  double mean = 0;
  for (size_t i = 0; i < r.logits.size(); ++i) mean += r.batch.bids[i] * r.batch.labels[i] / double(r.logits.size());
  LossBatch cents = r.batch;
  for (double& b : cents.bids) b *= 100;
  for (LossConfig config : EveryConfig()) {
    if (!IsRankLoss(config)) continue;
    config.set_scale(1 / mean);
    const Result a = Compute(config, r.batch, r.logits);
    config.set_scale(1 / (100 * mean));
    const Result b = Compute(config, cents, r.logits);
    EXPECT_NEAR(a.value, b.value, 1e-12 * std::max(1.0, std::abs(a.value))) << Name(config);
    for (size_t i = 0; i < a.gradient.size(); ++i) {
      EXPECT_NEAR(a.gradient[i], b.gradient[i], 1e-12 * std::max(1.0, std::abs(a.gradient[i]))) << Name(config);
    }
  }
}

// The score differences of log_ecpm have no unit: without a scale, the loss grows like the targets.
TEST(WelfareRank, LogEcpmIsLinearInTheBids) {
  const Random r = RandomBatch(14, Labels::kClicks);
  LossBatch tenfold = r.batch;
  for (double& b : tenfold.bids) b *= 10;
  for (const char* pairs : {"all", "top", "ppi"}) {
    const LossConfig config = RankConfig(absl::StrCat("pairs: ", pairs));
    const double value = Compute(config, r.batch, r.logits).value;
    EXPECT_NEAR(Compute(config, tenfold, r.logits).value, 10 * value, 1e-12 * std::max(1.0, 10 * value)) << pairs;
  }
}

TEST(WelfareRank, ScaleFactorsOutOfLogEcpm) {
  const Random r = RandomBatch(15, Labels::kProbabilities);
  for (const char* surrogate : {"logistic", "hinge", "tanh", "zero_one"}) {
    const std::string yaml = absl::StrCat("pairs: all, surrogate: ", surrogate);
    const double plain = Compute(RankConfig(yaml), r.batch, r.logits).value;
    EXPECT_NEAR(Compute(RankConfig(yaml + ", scale: 0.125"), r.batch, r.logits).value, plain / 8,
                1e-12 * std::abs(plain));
  }
}

// ---- Where there is nothing to learn.

void ExpectZero(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits) {
  const Result r = Compute(config, batch, logits, {.sigma = config.sigma(), .alpha = 0});
  EXPECT_EQ(r.value, 0) << Name(config);
  for (const double g : r.gradient) EXPECT_EQ(g, 0) << Name(config);
}

TEST(WelfareRank, OneCandidateHasNoRank) {
  const LossBatch alone{.offsets = {0, 1, 2, 3}, .bids = {1, 2, 3}, .labels = {1, 0, 0.5}};
  for (const LossConfig& config : EveryConfig()) {
    if (IsRankLoss(config)) ExpectZero(config, alone, {0.5, -2, 3});
  }
}

TEST(WelfareRank, EqualTargetsHaveNoWeight) {  // T5
  for (const LossConfig& config : EveryConfig()) {
    if (!IsRankLoss(config)) continue;
    ExpectZero(config, One({1, 2, 4}, {1, 0.5, 0.25}), {0.5, -2, 3});
    ExpectZero(config, One({1, 2, 4}, {0, 0, 0}), {0.5, -2, 3});  // T2: an auction without a click
  }
}

TEST(WelfareRank, MaskedCandidatesTakePartInNothing) {  // T5
  const Random r = RandomBatch(16, Labels::kProbabilities, /*masked=*/0.4);
  Random without{.batch = {.offsets = {0}}};
  for (int64_t a = 0; a < r.batch.auctions(); ++a) {
    for (int64_t i = r.batch.offsets[a]; i < r.batch.offsets[a + 1]; ++i) {
      if (std::isnan(r.batch.labels[i])) continue;
      without.batch.bids.push_back(r.batch.bids[i]);
      without.batch.labels.push_back(r.batch.labels[i]);
      without.logits.push_back(r.logits[i]);
    }
    without.batch.offsets.push_back(static_cast<int64_t>(without.logits.size()));
  }
  ASSERT_LT(without.logits.size(), r.logits.size());
  for (const LossConfig& config : EveryConfig()) {
    const Result all = Compute(config, r.batch, r.logits), some = Compute(config, without.batch, without.logits);
    EXPECT_NEAR(all.value, some.value, 1e-12 * std::max(1.0, std::abs(some.value))) << Name(config);
    size_t at = 0;
    for (size_t i = 0; i < r.logits.size(); ++i) {
      if (std::isnan(r.batch.labels[i])) {
        EXPECT_EQ(all.gradient[i], 0) << Name(config);
      } else {
        EXPECT_NEAR(all.gradient[i], some.gradient[at], 1e-12 * std::max(1.0, std::abs(some.gradient[at])));
        ++at;
      }
    }
  }
}

TEST(EveryLoss, IsZeroWhereAllAreMasked) {
  for (const LossConfig& config : EveryConfig()) {
    const Result r = Compute(config, One({1, 2}, {kMasked, kMasked}), {1, -1});
    EXPECT_EQ(r.value, 0) << Name(config);
    EXPECT_EQ(r.gradient, (std::vector<double>{0, 0})) << Name(config);
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
        const Result r = Compute(config, batch, logits, PointAt(config, 0), type);
        EXPECT_TRUE(std::isfinite(r.value)) << Name(config);
        for (const double g : r.gradient) EXPECT_TRUE(std::isfinite(g)) << Name(config);
      }
    }
  }
}

TEST(EveryLoss, ExtremeLogitsByHand) {
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

TEST(Guarantee, RegretIsBoundedByTheZeroOneLoss) {  // G1
  int tight = 0;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    const Random r = RandomBatch(seed, Labels::kProbabilities, /*masked=*/0, /*auctions=*/1, /*least=*/2, /*most=*/12);
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

TEST(Guarantee, SurrogatesAreAboveTheZeroOneLoss) {  // G2
  for (const char* surrogate : {"logistic", "hinge"}) {
    for (const char* margin : {"ecpm", "log_ecpm"}) {
      for (const double sigma : {0.25, 1.0, 4.0, 20.0}) {
        const LossConfig config =
            RankConfig(absl::StrCat("pairs: all, surrogate: ", surrogate, ", margin: ", margin, ", sigma: ", sigma));
        for (uint64_t seed = 0; seed < 60; ++seed) {
          const Random r = RandomBatch(seed, Labels::kProbabilities, 0, 1, 2, 8);
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

TEST(Guarantee, SignedClicksAreUnbiased) {  // G3
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const Random r = RandomBatch(seed, Labels::kProbabilities, 0, 1, 3, 3);
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

TEST(Guarantee, PositiveClicksKeepTheOrder) {  // G5
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

// ---- Traps and configuration.

TEST(MakeLoss, SignedWeightsThatCollapseAreRefused) {  // T1
  for (const char* surrogate : {"logistic", "hinge"}) {
    const absl::Status status = MakeLoss(RankConfig(absl::StrCat("weight: signed, surrogate: ", surrogate))).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(base::FieldOf(status), "loss.weight");
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("'signed'"), HasSubstr(surrogate), HasSubstr("linear")));
  }
  for (const char* surrogate : {"tanh", "zero_one"}) {
    EXPECT_TRUE(MakeLoss(RankConfig(absl::StrCat("weight: signed, surrogate: ", surrogate))).ok()) << surrogate;
  }
}

TEST(WelfareRank, TanhIsItsOwnSign) {
  const Random r = RandomBatch(17, Labels::kClicks);
  const Result positive = Compute(RankConfig("surrogate: tanh"), r.batch, r.logits);
  const Result with_sign = Compute(RankConfig("surrogate: tanh, weight: signed"), r.batch, r.logits);
  EXPECT_EQ(positive.value, with_sign.value);
  EXPECT_EQ(positive.gradient, with_sign.gradient);
}

TEST(MakeLoss, AnUnknownNameListsTheKnown) {
  LossConfig config = Config("{loss: logloss}");
  config.set_loss("luck");
  const absl::Status status = MakeLoss(config).status();
  EXPECT_EQ(base::FieldOf(status), "loss.loss");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("'luck'"), HasSubstr("logloss, bid_logloss, welfare_rank")));
  EXPECT_FALSE(IsRankLoss(config));
}

TEST(IsRankLoss, OfEachLoss) {
  EXPECT_FALSE(IsRankLoss(Config("{loss: logloss}")));
  EXPECT_FALSE(IsRankLoss(Config("{loss: bid_logloss}")));
  EXPECT_TRUE(IsRankLoss(Config("{loss: welfare_rank}")));
}

// LossConfig's one_of and the table of losses are the same list.
TEST(MakeLoss, TakesWhatTheConfigurationTakes) {
  for (const char* loss : {"logloss", "bid_logloss", "welfare_rank"}) {
    EXPECT_TRUE(MakeLoss(Config(absl::StrCat("{loss: ", loss, "}"))).ok()) << loss;
  }
}

TEST(PointAt, SigmaIsGeometricAndAlphaLinear) {
  const LossConfig config = RankConfig("sigma: 4, sigma_end: 20, alpha: 0.1, alpha_end: 0.01");
  EXPECT_DOUBLE_EQ(PointAt(config, 0).sigma, 4);
  EXPECT_DOUBLE_EQ(PointAt(config, 0.5).sigma, std::sqrt(4 * 20));
  EXPECT_DOUBLE_EQ(PointAt(config, 1).sigma, 20);
  EXPECT_DOUBLE_EQ(PointAt(config, 0).alpha, 0.1);
  EXPECT_DOUBLE_EQ(PointAt(config, 0.5).alpha, 0.055);
  EXPECT_DOUBLE_EQ(PointAt(config, 1).alpha, 0.01);
}

TEST(PointAt, IsConstantWithoutAnEnd) {
  const LossConfig config = RankConfig("sigma: 3, alpha: 0.2");
  for (const double progress : {0.0, 0.5, 1.0}) {
    EXPECT_EQ(PointAt(config, progress).sigma, 3);
    EXPECT_EQ(PointAt(config, progress).alpha, 0.2);
  }
  const LossConfig defaults = Config("{loss: welfare_rank}");
  EXPECT_EQ(PointAt(defaults, 0).sigma, 4);
  EXPECT_EQ(PointAt(defaults, 0).alpha, 0);
}

TEST(PointAt, ALossWithoutPairsIsAllCrossEntropy) {
  for (const double progress : {0.0, 0.5, 1.0}) {
    EXPECT_EQ(PointAt(Config("{loss: logloss, alpha: 0.1, alpha_end: 0.01}"), progress).alpha, 1);
  }
}

}  // namespace
}  // namespace vickrey::trainer
