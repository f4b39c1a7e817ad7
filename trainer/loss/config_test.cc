// Which configurations are taken, and what they mean.
#include "trainer/loss/loss_testing.h"

#include <ATen/ops/zeros.h>
#include <google/protobuf/text_format.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"
#include "vickrey/config/v1/rule.pb.h"

namespace vickrey::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// ---- Traps and configuration.

TEST(T1, SignedWeightsThatCollapseAreRefused) {
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

// What is refused: over both orders of a pair, Y log(1 + exp(-sigma d)) sums to -sigma Y d, and the hinge's to -2 sigma
// Y d where neither is cut.
TEST(T1, SignedSumsAreLinear) {
  for (const double d : {-0.2, 0.1, 0.3}) {
    const double y = 1.7, sigma = 3;
    EXPECT_NEAR(y * std::log1p(std::exp(-sigma * d)) - y * std::log1p(std::exp(sigma * d)), -sigma * y * d, 1e-14);
    EXPECT_NEAR(y * (1 - sigma * d) - y * (1 + sigma * d), -2 * sigma * y * d, 1e-14);
  }
}

TEST(WelfareRank, TanhIsItsOwnSign) {
  const RandomCase r = RandomBatch(17, LabelKind::kClicks);
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
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("'luck'"), HasSubstr("logloss, bid_logloss, welfare_rank, soft_winner, gmadl, madl, ranknet, "
                                           "softmax, jrc, calibrated_softmax, known_market")));
  EXPECT_FALSE(IsRankLoss(config));
}

// LossConfig's one_of and the table of losses are the same list.
TEST(MakeLoss, TakesWhatTheConfigurationTakes) {
  const auto* field = LossConfig::descriptor()->FindFieldByName("loss");
  const auto& names = field->options().GetExtension(vickrey::config::v1::rule).one_of();
  EXPECT_EQ(names.size(), 11);
  for (const std::string& loss : names) {
    LossConfig config = Config(absl::StrCat("{loss: ", loss, "}"));
    config.set_mu(0);
    config.set_omega(1);
    EXPECT_TRUE(MakeLoss(config).ok()) << loss;
    EXPECT_EQ(IsRankLoss(config), loss != "logloss" && loss != "bid_logloss") << loss;
    EXPECT_EQ(CheckTrainable(config).ok(), loss != "madl") << loss;
  }
}

TEST(MakeLoss, AKnownMarketNeedsItsLaw) {
  LossConfig config = Config("{loss: known_market}");
  EXPECT_EQ(base::FieldOf(MakeLoss(config).status()), "loss.mu");
  config.set_mu(1);
  EXPECT_EQ(base::FieldOf(MakeLoss(config).status()), "loss.omega");
}

TEST(CheckTrainable, NoGradientNoTraining) {
  const absl::Status status = CheckTrainable(RankConfig("surrogate: zero_one"));
  EXPECT_EQ(base::FieldOf(status), "loss.surrogate");
  EXPECT_THAT(std::string(status.message()), HasSubstr("no gradient"));
  EXPECT_EQ(base::FieldOf(CheckTrainable(Config("{loss: madl}"))), "loss.loss");
  // Another loss does not read the surrogate.
  EXPECT_TRUE(CheckTrainable(Config("{loss: softmax, surrogate: zero_one}")).ok());
}

TEST(CheckFields, WhatALossDoesNotReadIsRefused) {
  const auto field_of = [](const std::string& yaml) {
    LossConfig given;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(yaml, &given));
    return base::FieldOf(CheckFields(given)).value_or("");
  };
  EXPECT_EQ(field_of("loss: 'softmax' alpha: 0.5 labels: 'click'"), "");
  EXPECT_EQ(field_of("loss: 'softmax' surrogate: 'hinge'"), "loss.surrogate");
  EXPECT_EQ(field_of("loss: 'logloss' alpha: 0.5"), "loss.alpha");
  EXPECT_EQ(field_of("loss: 'bid_logloss' base_rate: 0.5"), "");
  EXPECT_EQ(field_of("loss: 'welfare_rank' tau: 1"), "loss.tau");
  EXPECT_EQ(field_of("loss: 'soft_winner' tau: 1 tau_end: 0.1"), "");
  EXPECT_EQ(field_of("loss: 'gmadl' a: 1 b: 2 margin: 'ecpm' pairs: 'all'"), "");
  EXPECT_EQ(field_of("loss: 'gmadl' sigma: 1"), "loss.sigma");
  EXPECT_EQ(field_of("loss: 'known_market' mu: 1 omega: 2"), "");
  EXPECT_EQ(field_of("loss: 'luck' tau: 1"), "");
}

TEST(ClearUnread, WhatIsLeftCanBeGivenAgain) {
  for (LossConfig config : EveryConfig()) {
    const LossConfig before = config;
    ClearUnread(&config);
    EXPECT_TRUE(CheckFields(config).ok()) << Name(config);
    EXPECT_EQ(config.alpha(), IsRankLoss(before) ? before.alpha() : 0);
    EXPECT_EQ(config.has_sigma(), before.loss() == "welfare_rank" || before.loss() == "ranknet");
  }
}

TEST(CheckBatch, NamesTheAuction) {
  const LossBatch good{.offsets = {0, 1, 3}, .bids = {1, 2, 3}, .labels = {0, kMasked, 1}, .weights = {1, 2}};
  EXPECT_TRUE(CheckBatch(good, {1, 2, 3}).ok());
  const auto field_of = [&](const std::function<void(LossBatch&)>& change, const std::vector<double>& logits = {}) {
    LossBatch batch = good;
    change(batch);
    return base::FieldOf(CheckBatch(batch, logits)).value_or("");
  };
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(field_of([](LossBatch& b) { b.bids[2] = 0; }), "auctions[1].bids[1]");
  EXPECT_EQ(field_of([](LossBatch& b) { b.bids[0] = -1; }), "auctions[0].bids[0]");
  EXPECT_EQ(field_of([&](LossBatch& b) { b.bids[1] = inf; }), "auctions[1].bids[0]");
  EXPECT_EQ(field_of([](LossBatch& b) { b.bids[1] = kMasked; }), "auctions[1].bids[0]");
  EXPECT_EQ(field_of([](LossBatch& b) { b.labels[2] = 1.5; }), "auctions[1].labels[1]");
  EXPECT_EQ(field_of([](LossBatch& b) { b.labels[0] = -0.1; }), "auctions[0].labels[0]");
  EXPECT_EQ(field_of([](LossBatch& b) { b.weights[1] = 0; }), "auctions[1].weight");
  EXPECT_EQ(field_of([](LossBatch&) {}, {1, 2, inf}), "auctions[1].logits[1]");
  EXPECT_EQ(field_of([](LossBatch&) {}, {1, kMasked, 3}), "auctions[1].logits[0]");
  EXPECT_EQ(field_of([](LossBatch&) {}, {1, 2}), "logits");
  EXPECT_EQ(field_of([](LossBatch& b) { b.labels.pop_back(); }), "labels");
  EXPECT_EQ(field_of([](LossBatch& b) { b.weights.pop_back(); }), "weights");
  EXPECT_EQ(field_of([](LossBatch& b) { b.offsets = {0, 4, 3}; }), "offsets");
}

TEST(Value, LogitsOfAnotherShapeThrow) {
  const LossBatch batch = One({1, 2, 3}, {0, 1, 0});
  const at::Tensor three = at::zeros({3}, at::kDouble), pairs = at::zeros({3, 2}, at::kDouble);
  const auto one = *MakeLoss(Config("{loss: welfare_rank}")), two = *MakeLoss(Config("{loss: jrc}"));
  EXPECT_NO_THROW(one->Value(three, batch, {}));
  EXPECT_NO_THROW(two->Value(pairs, batch, {}));
  EXPECT_THROW(one->Value(pairs, batch, {}), c10::Error);
  EXPECT_THROW(two->Value(three, batch, {}), c10::Error);
  EXPECT_THROW(one->Value(at::zeros({2}, at::kDouble), batch, {}), c10::Error);
  EXPECT_THROW(one->Composed(at::zeros({4}, at::kDouble), batch, {}), c10::Error);
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

TEST(PointAt, TauIsGeometric) {
  const LossConfig config = Config("{loss: soft_winner, tau: 0.4, tau_end: 0.1}");
  EXPECT_DOUBLE_EQ(PointAt(config, 0).tau, 0.4);
  EXPECT_DOUBLE_EQ(PointAt(config, 0.5).tau, 0.2);
  EXPECT_DOUBLE_EQ(PointAt(config, 1).tau, 0.1);
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
