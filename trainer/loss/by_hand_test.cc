// Values and gradients worked out by hand.
#include "trainer/loss/loss_testing.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace vickrey::trainer {
namespace {

const double kLn2 = std::log(2), kLn3 = std::log(3);

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

// Scores 1e-12 and 5e-13 far below one of 5e5, in the order of their targets: no tie.
TEST(WelfareRank, ZeroOneSeesGapsFarBelowTheGreatestScore) {
  const LossConfig config = RankConfig("pairs: all, surrogate: zero_one, margin: ecpm");
  EXPECT_EQ(Compute(config, One({1e6, 2e-12, 1e-12}, {1, 1, 1}), {0, 0, 0}).value, 0);
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

TEST(SoftWinner, ByHand) {
  // f = 1/2; scores log 1.5, log .5 at tau 1: softmax 3/4, 1/4. v = 3, 1/2: 3/4 x 3 + 1/4 x 1/2 = 2.375.
  const Result r = Compute(Config("{loss: soft_winner, tau: 1}"), One({3, 1}, {1, 0.5}), {0, 0});
  EXPECT_NEAR(r.value, -2.375, 1e-15);
  // dL/ds_0 = -3/4 (3 - 2.375), ds/du = 1/2.
  EXPECT_NEAR(r.gradient[0], -0.234375, 1e-15);
  EXPECT_NEAR(r.gradient[1], 0.234375, 1e-15);
  // At tau 1/2: softmax 9/10, 1/10, and twice the slope.
  const Result colder = Compute(Config("{loss: soft_winner, tau: 0.5, scale: 2}"), One({3, 1}, {1, 0.5}), {0, 0});
  EXPECT_NEAR(colder.value, -2 * 2.75, 1e-14);
  EXPECT_NEAR(colder.gradient[0], -2 * 2 * 0.9 * 0.25 / 2, 1e-14);
}

TEST(Gmadl, ByHand) {
  // v = 2, 1: D = 1; scores log 1, log .5: d = log 2. sigmoid(2 log 2) = 4/5.
  const LossConfig config = Config("{loss: gmadl, pairs: all, a: 2}");
  const Result r = Compute(config, One({2, 1}, {1, 1}), {0, 0});
  EXPECT_NEAR(r.value, -0.3, 1e-15);
  // dL/dd = -a D g (1 - g) = -2 x 4/25; ds/du = 1/2.
  EXPECT_NEAR(r.gradient[0], -0.16, 1e-15);
  EXPECT_NEAR(r.gradient[1], 0.16, 1e-15);
  // D = 2 with scale 2: sigmoid(log 2) = 2/3 at a = 1/2; |D|^2 = 4.
  EXPECT_NEAR(Compute(Config("{loss: gmadl, pairs: all, a: 0.5, b: 2, scale: 2}"), One({2, 1}, {1, 1}), {0, 0}).value,
              -4.0 / 6, 1e-15);
}

TEST(Madl, ByHand) {
  // v = 3, 2, 0: |D| = 1, 3, 2. In order -6, reversed 6; the middle one first: 1 - 3 - 2.
  const LossConfig config = Config("{loss: madl, pairs: all}");
  const LossBatch batch = One({3, 2, 1}, {1, 1, 0});
  EXPECT_DOUBLE_EQ(Compute(config, batch, {0, 0, 0}).value, -6);
  EXPECT_DOUBLE_EQ(Compute(config, batch, {-9, -5, 0}).value, 6);
  EXPECT_DOUBLE_EQ(Compute(config, batch, {-1, 0, -1}).value, -4);
}

TEST(Ranknet, ByHand) {
  // One pair, u_0 - u_1 = log 3: log(1 + 1/3). Slope -sigmoid(-log 3) = -1/4. Bids do not matter.
  const Result r = Compute(Config("{loss: ranknet, sigma: 1}"), One({1, 1000}, {1, 0}), {kLn3, 0});
  EXPECT_NEAR(r.value, std::log(4.0 / 3), 1e-15);
  EXPECT_NEAR(r.gradient[0], -0.25, 1e-15);
  EXPECT_NEAR(r.gradient[1], 0.25, 1e-15);
}

TEST(Softmax, ByHand) {
  // softmax(log 3, 0) = 3/4, 1/4. Clicks on both: -log 3/4 - log 1/4; gradient 2 p - q.
  const Result r = Compute(Config("{loss: softmax}"), One({1, 9}, {1, 1}), {kLn3, 0});
  EXPECT_NEAR(r.value, 2 * std::log(4) - kLn3, 1e-15);
  EXPECT_NEAR(r.gradient[0], 0.5, 1e-15);
  EXPECT_NEAR(r.gradient[1], -0.5, 1e-15);
}

TEST(Jrc, ByHand) {
  // Click logits log 3, 0 and no-click logits 0, 0; the first is clicked: -log 3/4 - log 1/2.
  const LossBatch batch = One({1, 9}, {1, 0});
  const Result r = Compute(Config("{loss: jrc}"), batch, {kLn3, 0, 0, 0});
  EXPECT_NEAR(r.value, std::log(4.0 / 3) + kLn2, 1e-15);
  // By click logits p - q = -1/4, 1/4; by the others p - (1 - q) = 1/2, -1/2.
  const std::vector<double> expected = {-0.25, 0.5, 0.25, -0.5};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(r.gradient[i], expected[i], 1e-15);
  // The cross-entropy is of the difference: f = 3/4 and 1/2.
  EXPECT_NEAR(Compute(Config("{loss: jrc, alpha: 1}"), batch, {kLn3, 0, 0, 0}).value, (std::log(4.0 / 3) + kLn2) / 2,
              1e-15);
}

TEST(CalibratedSoftmax, ByHand) {
  // f = 1/2, 1/2 and one click: -log 1/2 + 2 log(1 + 1).
  const Result r = Compute(Config("{loss: calibrated_softmax}"), One({1, 9}, {1, 0}), {0, 0});
  EXPECT_NEAR(r.value, 3 * kLn2, 1e-15);
  // (2 / 2 f - q)(1 - f).
  EXPECT_NEAR(r.gradient[0], -0.25, 1e-15);
  EXPECT_NEAR(r.gradient[1], 0.25, 1e-15);
  // Its minimum is the truth.
  for (const double g : Compute(Config("{loss: calibrated_softmax}"), One({1, 9}, {0.5, 0.75}), {0, kLn3}).gradient) {
    EXPECT_NEAR(g, 0, 1e-15);
  }
}

TEST(KnownMarket, ByHand) {
  // b f = 1 = exp(mu): a = 0, Phi = 1/2; Phi(-omega) of omega = 1 is .158655253931457; exp(1/2) = 1.648721270700128.
  const LossConfig config = Config("{loss: known_market, mu: 0, omega: 1, scale: 2}");
  const Result r = Compute(config, One({2}, {1}), {0});
  EXPECT_NEAR(r.value, -2 * (2 * 0.5 - 1.648721270700128 * 0.158655253931457), 1e-14);
  // -c (b q - b f) density(0) / omega (1 - f), density(0) = .398942280401433.
  EXPECT_NEAR(r.gradient[0], -2 * 1 * 0.398942280401433 / 2, 1e-14);
  // No slope at the truth.
  EXPECT_NEAR(Compute(config, One({2}, {0.5}), {0}).gradient[0], 0, 1e-15);
}

}  // namespace
}  // namespace vickrey::trainer
