// Generated arithmetic and the digit transformer that learns it.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/arithmetic/answer_loss.h"
#include "trainer/arithmetic/batch.h"
#include "trainer/arithmetic/config.h"
#include "trainer/arithmetic/digit_transformer.h"
#include "trainer/arithmetic/fit.h"
#include "trainer/arithmetic/judge.h"
#include "trainer/arithmetic/problems.h"
#include "trainer/arithmetic/vocabulary.h"

namespace vickrey::trainer::arithmetic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::config::v1::ArithmeticConfig;

ArithmeticConfig ConfigOf(const std::string& text) {
  auto config = ParseArithmeticConfig(text);
  EXPECT_TRUE(config.ok()) << config.status();
  return *config;
}

Problems ProblemsOf(const std::string& text) {
  auto problems = Problems::Create(ConfigOf(text));
  EXPECT_TRUE(problems.ok()) << problems.status();
  return *problems;
}

std::vector<int64_t> ValuesOf(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel()};
}

TEST(Problems, AreWrittenByHand) {
  const Problems sum = ProblemsOf("{task: addition}");
  EXPECT_EQ(sum.Question({95, 7}), "95+7=");
  EXPECT_EQ(sum.AnswerOf({95, 7}), 102);
  EXPECT_EQ(sum.Answer({95, 7}), "102");
  const Problems product = ProblemsOf("{task: multiplication, digits: 2, order: least_significant_first}");
  EXPECT_EQ(product.Question({12, 15}), "12*15=");
  EXPECT_EQ(product.AnswerOf({12, 15}), 180);
  EXPECT_EQ(product.Answer({12, 15}), "081");
  EXPECT_EQ(product.Answer({0, 15}), "0");
}

TEST(Problems, WhatIsNoNumberIsNone) {
  const Problems sum = ProblemsOf("{task: addition, digits: 2}");
  EXPECT_EQ(sum.NumberOf("102"), 102);
  EXPECT_EQ(sum.NumberOf("0102"), 102);  // 999 + 999 has four digits
  EXPECT_EQ(sum.NumberOf("00102"), std::nullopt);
  EXPECT_EQ(sum.NumberOf(""), std::nullopt);
  EXPECT_EQ(sum.NumberOf("1+2"), std::nullopt);
  EXPECT_EQ(sum.NumberOf("+12"), std::nullopt);
  EXPECT_EQ(ProblemsOf("{task: addition, order: least_significant_first}").NumberOf("201"), 102);
}

// Everything there is with up to two digits, of one that is trained on.
TEST(Problems, SplitsAreDisjointAndComplete) {
  const Problems problems = ProblemsOf("{task: addition, digits: 1, held_out: 0.3}");
  std::map<Split, std::set<Problem>> all;
  for (int64_t a = 0; a < 100; ++a) {
    for (int64_t b = 0; b < 100; ++b) {
      const Split split = problems.SplitOf({a, b});
      EXPECT_EQ(split, problems.SplitOf({b, a}));
      EXPECT_EQ(split == Split::kLonger, a >= 10 || b >= 10) << a << " " << b;
      EXPECT_EQ(split == Split::kExtrapolation, a < 10 && b < 10 && (a > 7 || b > 7)) << a << " " << b;
      all[split].insert({a, b});
    }
  }
  EXPECT_EQ(all[Split::kTrain].size() + all[Split::kInterpolation].size(), 64u);
  EXPECT_EQ(all[Split::kExtrapolation].size(), 36u);
  // 28 pairs count in both orders, 8 once: a standard deviation of 5.0.
  EXPECT_NEAR(static_cast<double>(all[Split::kInterpolation].size()), 64 * .3, 17);
  // What is drawn lies in the split that it is drawn of, and all of a small split is found.
  for (int64_t i = 0; i < 2000; ++i) EXPECT_TRUE(all[Split::kTrain].contains(problems.Trained(i))) << i;
  for (const Split split : {Split::kTrain, Split::kInterpolation, Split::kExtrapolation}) {
    const std::vector<Problem> sample = problems.Sample(split, 1000);
    EXPECT_EQ(std::set(sample.begin(), sample.end()), all[split]) << NameOf(split);
    EXPECT_EQ(sample.size(), all[split].size()) << NameOf(split);
  }
  const std::vector<Problem> longer = problems.Sample(Split::kLonger, 1000);
  EXPECT_EQ(longer.size(), 1000u);
  for (const Problem& problem : longer) EXPECT_TRUE(all[Split::kLonger].contains(problem));
}

TEST(Problems, FollowFromSeedAndIndex) {
  const Problems one = ProblemsOf("{task: addition, seed: 1}"), again = ProblemsOf("{task: addition, seed: 1}"),
                 two = ProblemsOf("{task: addition, seed: 2}");
  int same = 0, together = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(one.Trained(i), again.Trained(i));
    same += one.Trained(i) == two.Trained(i);
    together += two.SplitOf(one.Trained(i)) == Split::kTrain;
  }
  EXPECT_LT(same, 5);
  EXPECT_NEAR(together, 900, 40);  // another seed holds out others
  EXPECT_EQ(one.Sample(Split::kLonger, 50), again.Sample(Split::kLonger, 50));
}

TEST(Problems, FitTheRangeOfTheirDigits) {
  EXPECT_EQ(ConfigOf("{task: addition}").largest(), 799);
  EXPECT_EQ(ConfigOf("{task: addition, digits: 1}").largest(), 7);
  for (const char* largest : {"99", "999", "-1", "9223372036854775807"}) {
    const auto refused = ParseArithmeticConfig(absl::StrCat("{task: addition, largest: ", largest, "}")).status();
    EXPECT_THAT(std::string(refused.message()), HasSubstr(absl::StrCat(largest, " is out of range"))) << largest;
  }
}

TEST(Batch, ByHand) {
  const Problems problems = ProblemsOf("{task: addition}");
  const Problem chosen[] = {{1, 2}, {9, 95}};
  const Batch batch = BatchOf(problems, chosen);
  // 1+2=3$$$ without its last, and 9+95=104
  EXPECT_THAT(ValuesOf(batch.tokens), ElementsAre(1, 10, 2, 12, 3, 13, 13, 13,  //
                                                  9, 10, 9, 5, 12, 1, 0, 4));
  EXPECT_THAT(ValuesOf(batch.before_digits), ElementsAre(3, 8 + 4, 8 + 5, 8 + 6));
  EXPECT_THAT(ValuesOf(batch.digits), ElementsAre(3, 1, 0, 4));
  EXPECT_THAT(ValuesOf(batch.before_ends), ElementsAre(4, 8 + 7));
}

// Of equal logits: all 14 tokens have the same probability, and so have the ten digits.
TEST(AnswerLoss, ByHand) {
  const Problems problems = ProblemsOf("{task: addition}");
  const Problem chosen[] = {{1, 2}};  // one digit, 3, and the end
  const Batch batch = BatchOf(problems, chosen);
  const at::Tensor logits = at::zeros({1, 5, kTokens}, at::kDouble);
  EXPECT_NEAR(AnswerLoss(NumberDistance::kWas, 0, logits, batch).item<double>(), std::log(14), 1e-12);
  // Mean |3 - k| over the digits: (3 + 2 + 1 + 0 + 1 + ... + 6) / 10 = 2.7; the mean digit is 4.5. Two tokens in all.
  EXPECT_NEAR(AnswerLoss(NumberDistance::kWas, .3, logits, batch).item<double>(), std::log(14) + .3 * 2.7 / 2, 1e-12);
  EXPECT_NEAR(AnswerLoss(NumberDistance::kMse, .3, logits, batch).item<double>(), std::log(14) + .3 * 2.25 / 2, 1e-12);
}

TEST(AnswerLoss, WithoutADistanceItIsTheCrossEntropyOfAllTokens) {
  const Problems problems = ProblemsOf("{task: addition}");
  const Problem chosen[] = {{1, 2}, {9, 95}, {799, 3}};
  const Batch batch = BatchOf(problems, chosen);
  const DigitTransformer network({.tokens = kTokens, .positions = 20, .width = 8, .layers = 1, .heads = 2, .seed = 3});
  const at::Tensor logits = network.Logits(batch.tokens).detach();
  const at::Tensor flat = logits.flatten(0, 1);
  const at::Tensor sum = at::cross_entropy_loss(flat.index_select(0, batch.before_digits), batch.digits, {}, 2) +
                         at::cross_entropy_loss(flat.index_select(0, batch.before_ends),
                                                at::zeros_like(batch.before_ends).fill_(kEnd), {}, 2);
  EXPECT_NEAR(AnswerLoss(NumberDistance::kMse, 0, logits, batch).item<double>(), sum.item<double>() / 10, 1e-5);
}

TEST(DigitTransformer, ALaterTokenChangesNothingBeforeIt) {
  const DigitTransformer network({.tokens = kTokens, .positions = 12, .width = 16, .layers = 3, .heads = 4, .seed = 1});
  const std::vector<int64_t> text = TokensOf("12+345=35711");
  const at::Tensor tokens = at::zeros({1, 12}, at::kLong);
  for (int64_t i = 0; i < 12; ++i) tokens.mutable_data_ptr<int64_t>()[i] = text[i];
  const at::Tensor before = network.Logits(tokens).detach();
  for (int64_t changed = 0; changed < 12; ++changed) {
    const at::Tensor other = tokens.clone();
    other.mutable_data_ptr<int64_t>()[changed] = (text[changed] + 1) % kTokens;
    const at::Tensor after = network.Logits(other).detach();
    for (int64_t i = 0; i < 12; ++i) {
      const double difference = (after.select(1, i) - before.select(1, i)).abs().max().item<double>();
      EXPECT_EQ(difference > 0, i >= changed) << i << " by " << changed << ": " << difference;
    }
  }
}

TEST(DigitTransformer, ItsGradientIsThatOfItsParameters) {
  const Problems problems = ProblemsOf("{task: addition}");
  const Problem chosen[] = {{1, 2}, {9, 95}};
  const Batch batch = BatchOf(problems, chosen);
  DigitTransformer network({.tokens = kTokens, .positions = 20, .width = 8, .layers = 2, .heads = 2, .seed = 5});
  const auto value = [&] { return AnswerLoss(NumberDistance::kWas, .3, network.Logits(batch.tokens), batch); };
  value().backward();
  // The slope along the gradient is its square.
  const at::Tensor gradient = network.gradient().clone();
  const double squares = gradient.square().sum().item<double>();
  constexpr double kStep = 1e-3;
  network.parameters().add_(gradient, kStep);
  const double above = value().item<double>();
  network.parameters().sub_(gradient, 2 * kStep);
  const double below = value().item<double>();
  EXPECT_NEAR((above - below) / (2 * kStep) / squares, 1, .02);
}

TEST(Judge, ByHand) {
  const Problems problems = ProblemsOf("{task: addition}");
  const Problem asked[] = {{1, 2}, {10, 20}, {5, 5}, {50, 50}};
  const std::string answers[] = {"3", "37", "010", "1+"};  // right; off by 7; the number, not the text; none
  const auto line = Judge(problems, Split::kInterpolation, asked, answers);
  EXPECT_EQ(line.split(), "interpolation");
  EXPECT_EQ(line.problems(), 4);
  EXPECT_EQ(line.accuracy(), .25);
  EXPECT_EQ(line.not_numbers(), 1);
  EXPECT_EQ(line.mae(), (0 + 7 + 0 + 100) / 4.);
  EXPECT_EQ(line.median_absolute_error(), 3.5);  // of 0, 0, 7, 100
  EXPECT_DOUBLE_EQ(line.mae_of_numbers(), 7 / 3.);
  EXPECT_FALSE(Judge(problems, Split::kTrain, {}, {}).has_accuracy());
}

struct Learned {
  double objective = 0, accuracy = 0, mae = 0;
  friend bool operator==(const Learned&, const Learned&) = default;
};

Learned Learn(const ArithmeticConfig& config) {
  at::set_num_threads(1);
  const auto problems = Problems::Create(config);
  DigitTransformer network(NetworkOf(config, *problems));
  const auto objective = Fit(config, *problems, &network);
  EXPECT_TRUE(objective.ok()) << objective.status();
  const auto asked = problems->Sample(Split::kTrain, 1000);
  const auto answers = AnswersOf(*problems, asked, network);
  EXPECT_TRUE(answers.ok()) << answers.status();
  const auto line = Judge(*problems, Split::kTrain, asked, *answers);
  return {.objective = *objective, .accuracy = line.accuracy(), .mae = line.mae()};
}

// A hundredth of the steps knows none of it, and each loss learns all of what it is shown.
TEST(Fit, LearnsToAddOneDigitNumbers) {
  for (const char* loss : {"cross_entropy", "ntl_mse", "ntl_was"}) {
    const std::string small =
        absl::StrCat("{task: addition, digits: 1, width: 32, layers: 1, heads: 2, batch: 64, loss: ", loss,
                     ", learning_rate: 0.01, steps: ");
    const Learned learned = Learn(ConfigOf(small + "300}"));
    EXPECT_GT(learned.accuracy, .95) << loss;
    EXPECT_LT(learned.mae, .2) << loss;
    EXPECT_LT(Learn(ConfigOf(small + "3}")).accuracy, .3) << loss;
  }
}

TEST(Fit, SameSeedSameBits) {
  const std::string text =
      "{task: multiplication, digits: 2, width: 16, layers: 1, steps: 20, batch: 16, loss: ntl_was";
  EXPECT_EQ(Learn(ConfigOf(text + "}")), Learn(ConfigOf(text + "}")));
  EXPECT_NE(Learn(ConfigOf(text + ", seed: 2}")).objective, Learn(ConfigOf(text + "}")).objective);
  EXPECT_NE(Learn(ConfigOf(text + ", lambda: 3}")).objective, Learn(ConfigOf(text + "}")).objective);
}

TEST(Fit, StopsWhereTheObjectiveIsNotFinite) {
  ArithmeticConfig config = ConfigOf("{task: addition, digits: 1, width: 8, heads: 2, layers: 1, batch: 4, steps: 50}");
  const Problems problems = *Problems::Create(config);
  DigitTransformer network(NetworkOf(config, problems));
  network.parameters().fill_(std::numeric_limits<float>::quiet_NaN());
  const auto failed = Fit(config, problems, &network).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("step 1 of 50"));
}

}  // namespace
}  // namespace vickrey::trainer::arithmetic
