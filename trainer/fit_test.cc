#include "trainer/fit.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/export.h"
#include "trainer/loss/loss.h"
#include "trainer/optim/optimizer.h"
#include "trainer/trainer_testing.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/model/tensors.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::trainer {
namespace {

FitOptions Options(const std::filesystem::path& run = Folder("run")) {
  FitOptions options{.name = "test", .run = run, .key = "k"};
  options.loss.set_loss("logloss");
  EXPECT_TRUE(base::FinishConfig("test", &options.loss).ok());
  EXPECT_TRUE(base::FinishConfig("test", &options.optimizer).ok());
  EXPECT_TRUE(base::FinishConfig("test", &options.evaluation).ok());
  EXPECT_TRUE(base::FinishConfig("test", &options.checkpoint).ok());
  options.optimizer.set_batch_auctions(8);
  options.optimizer.set_epochs(3);
  return options;
}

absl::StatusOr<Fitted> FitAll(const Grouping& data, const FitOptions& options, torch::Network* network,
                              const Labels& labels = Labels::Clicks()) {
  return Fit(data.Train(), data.Validation(), labels, options, &Alone(), network);
}

float WeightOf(const std::filesystem::path& weights) {
  const std::string bytes = *base::ReadFile(weights);
  return model::ParseTensors(bytes)->tensors.at("ad.weight").values[0];
}

TEST(LearningRate, RisesOverATenthAndFallsAsACosine) {
  vickrey::config::v1::OptimizerConfig config;
  ASSERT_TRUE(base::FinishConfig("test", &config).ok());
  std::vector<double> rates;
  for (int64_t step = 0; step < 20; ++step) rates.push_back(LearningRateAt(config, step, 20));
  EXPECT_DOUBLE_EQ(rates[0], .5);  // two steps of rise
  EXPECT_DOUBLE_EQ(rates[1], 1);
  EXPECT_DOUBLE_EQ(rates[2], 1);
  EXPECT_DOUBLE_EQ(rates[11], .5);  // the middle of the 18 steps of fall
  EXPECT_NEAR(rates[19], (1 + std::cos(std::numbers::pi * 17 / 18)) / 2, 1e-15);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0, 1), 1);
  config.set_schedule("linear");
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 11, 20), .5);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 19, 20), 1. / 18);
  config.set_schedule("constant");
  config.set_warmup(0);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0, 20), 1);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 19, 20), 1);
}

TEST(Fit, LearnsAndIsRepeatable) {
  const Grouping data = MakeData(Sheet(64));
  std::vector<std::string> weights;
  for (int run = 0; run < 2; ++run) {
    const auto network = Start(Logistic());
    const auto fitted = FitAll(data, Options(), network.get());
    ASSERT_TRUE(fitted.ok()) << fitted.status();
    EXPECT_GT(WeightOf(fitted->weights), .1);
    weights.push_back(*base::ReadFile(fitted->weights));
  }
  EXPECT_EQ(weights[0], weights[1]);
}

TEST(Fit, GoesOnFromACheckpointToTheSameBits) {
  Sheet sheet(64);
  for (int64_t a = 0; a < 64; ++a) {  // no two auctions are alike: a step on another batch comes to something else
    sheet.clicks[2 * a] = a % 3 == 0;
    sheet.bids[2 * a] += 10'000 * a;
  }
  const Grouping data = MakeData(sheet);
  FitOptions whole = Options(Folder("whole"));
  whole.optimizer.set_dropout(.2);
  whole.loss.set_loss("welfare_rank");
  whole.loss.set_warm_phase(.4);
  vickrey::config::v1::ModelConfig mlp;
  mlp.set_architecture("mlp");
  mlp.add_hidden(4);
  const auto network = Start(mlp);
  const auto straight = FitAll(data, whole, network.get());
  ASSERT_TRUE(straight.ok()) << straight.status();

  // The same with a checkpoint after every step, and gone on with from some of them.
  FitOptions cut = whole;
  cut.run = Folder("cut");
  cut.checkpoint.set_seconds(0);  // after every step
  const auto first = FitAll(data, cut, Start(mlp).get());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*base::ReadFile(first->weights), *base::ReadFile(straight->weights));
  for (const int64_t step : {1, 4, 5, 7, 12}) {
    // The checkpoints of an uninterrupted run, those after `step` lost.
    const std::filesystem::path run = Folder("from");
    FitOptions some = cut;
    some.run = run;
    some.checkpoint.set_keep(1000);
    ASSERT_TRUE(FitAll(data, some, Start(mlp).get()).ok());
    for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints")) {
      if (std::stoll(entry.path().filename().string()) > step) std::filesystem::remove_all(entry.path());
    }
    ASSERT_TRUE(std::filesystem::exists(run / "checkpoints" / std::to_string(step)));
    const auto resumed = FitAll(data, some, Start(mlp).get());
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(resumed->speed.steps(), 12 - step);
    EXPECT_EQ(*base::ReadFile(resumed->weights), *base::ReadFile(straight->weights)) << "from step " << step;
    EXPECT_EQ(resumed->epoch, straight->epoch);
    EXPECT_EQ(resumed->multiplier, straight->multiplier);
  }
}

TEST(Fit, PassesOverADamagedCheckpoint) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options(Folder("damaged"));
  options.checkpoint.set_seconds(0);
  const auto fitted = FitAll(data, options, Start(Logistic()).get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  const std::string weights = *base::ReadFile(fitted->weights);
  const auto last = options.run / "checkpoints/12/tensors.safetensors";
  std::string bytes = *base::ReadFile(last);
  bytes[bytes.size() - 2] ^= 1;
  ASSERT_TRUE(base::WriteFileAtomically(last, bytes).ok());
  const auto again = FitAll(data, options, Start(Logistic()).get());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->speed.steps(), 1);
  EXPECT_EQ(*base::ReadFile(again->weights), weights);
  // That of another run is not gone on from either.
  options.key = "another";
  EXPECT_EQ(FitAll(data, options, Start(Logistic()).get())->speed.steps(), 12);
}

TEST(Fit, WhatIsWrittenBehindDamagedCheckpointsIsKept) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options(Folder("all_damaged"));
  options.checkpoint.set_seconds(0);
  options.checkpoint.set_keep(2);
  const auto fitted = FitAll(data, options, Start(Logistic()).get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  const std::string weights = *base::ReadFile(fitted->weights);
  const std::filesystem::path checkpoints = options.run / "checkpoints";
  for (const char* step : {"11", "12"}) {
    // One by its tensors, one by a digit of its state.
    const auto file = checkpoints / step / (step == std::string_view("11") ? "tensors.safetensors" : "state.json");
    std::string bytes = *base::ReadFile(file);
    const size_t place = step == std::string_view("11") ? bytes.size() - 2 : bytes.find("\"step\":") + 8;
    bytes[place] ^= 1;
    ASSERT_TRUE(base::WriteFileAtomically(file, bytes).ok());
  }
  std::ofstream(options.run / "best-9.safetensors") << "of an epoch that no checkpoint names";
  const auto again = FitAll(data, options, Start(Logistic()).get());  // from the start
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->speed.steps(), 12);
  EXPECT_EQ(*base::ReadFile(again->weights), weights);
  EXPECT_FALSE(std::filesystem::exists(options.run / "best-9.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(checkpoints / "11.damaged"));
  EXPECT_TRUE(std::filesystem::exists(checkpoints / "11"));
  EXPECT_TRUE(std::filesystem::exists(checkpoints / "12"));
  EXPECT_FALSE(std::filesystem::exists(checkpoints / "10"));
}

TEST(Fit, AMaskedCandidateTeachesNothing) {
  Sheet sheet(64);
  for (size_t i = 1; i < sheet.clicks.size(); i += 2) sheet.clicks[i] = kUnknown;  // only x = 0 is left
  const Grouping data = MakeData(sheet);
  const auto network = Start(Logistic());
  const auto fitted = FitAll(data, Options(), network.get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  EXPECT_EQ(WeightOf(fitted->weights), 0);
}

TEST(Fit, KeepsAnEpochOfTheRankPhase) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options();
  options.optimizer.set_epochs(5);
  options.loss.set_loss("welfare_rank");
  options.loss.set_warm_phase(.6);  // three of the five epochs
  // Every epoch has the same welfare, all there is, so that the first that may be kept is.
  const auto fitted = FitAll(data, options, Start(Logistic()).get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  EXPECT_EQ(fitted->epoch, 4);
}

TEST(Fit, EndsEarlyWhereNothingGetsBetter) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options();
  options.optimizer.set_epochs(50);
  options.evaluation.set_patience(2);
  const auto fitted = FitAll(data, options, Start(Logistic()).get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  EXPECT_EQ(fitted->epoch, 1);  // all welfare there is
  EXPECT_EQ(fitted->speed.steps(), 3 * 4);
  options.run = Folder("by-logloss");
  options.evaluation.set_metric("logloss");  // which goes on getting better
  EXPECT_GT(FitAll(data, options, Start(Logistic()).get())->epoch, 10);
}

TEST(Fit, StopsWhereTheObjectiveIsNoLongerFinite) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options();
  options.loss.set_base_rate(1e-320);  // its inverse is infinite
  const auto status = FitAll(data, options, Start(Logistic()).get()).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("step 1 (batch 1 of epoch 1)"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("the last checkpoint before it is none"));
}

TEST(Fit, StopsWhereTheObjectiveExplodes) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options(Folder("explodes"));
  options.optimizer.set_dense("sgd");
  options.optimizer.set_schedule("constant");
  options.optimizer.set_learning_rate(10);
  options.loss.set_base_rate(1e-6);  // gradients of a million
  const auto status = FitAll(data, options, Start(Logistic()).get()).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("explodes"));
}

TEST(Fit, StopsWhereWeightsOverflow) {
  const Grouping data = MakeData(Sheet(64));
  FitOptions options = Options(Folder("overflows"));
  options.optimizer.set_dense("sgd");
  options.optimizer.set_schedule("constant");
  options.optimizer.set_warmup(0);
  options.optimizer.set_learning_rate(1e38);
  options.optimizer.set_batch_auctions(1000);  // one step an epoch
  options.loss.set_base_rate(1e-6);
  const auto status = FitAll(data, options, Start(Logistic()).get()).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("step 1 (batch 1 of epoch 1) left weights that are not finite"));
}

TEST(Fit, RefusesLabelsThatAreNoProbabilities) {
  Sheet sheet(64);
  sheet.truths[3] = std::numeric_limits<double>::infinity();
  const Grouping data = MakeData(sheet);
  const auto status = FitAll(data, Options(), Start(Logistic()).get(), Labels::Truths()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("labels[1]"));
}

// A loss with two outputs: what comes out of it has one, and is the difference.
TEST(Fit, TrainsALossWithTwoOutputs) {
  const Grouping data = MakeData(Sheet(64));
  vickrey::config::v1::ModelConfig mlp;
  mlp.set_architecture("mlp");
  mlp.add_hidden(4);
  for (const auto& model : {Logistic(), mlp}) {
    FitOptions options = Options(Folder("jrc"));
    options.loss.set_loss("jrc");
    options.loss.set_alpha(.5);
    options.evaluation.set_metric("logloss");
    const auto network = Start(model, .5, OutputsOf(options.loss));
    const auto before = LogitsOfTrain(data, *network);
    const auto fitted = FitAll(data, options, network.get());
    ASSERT_TRUE(fitted.ok()) << fitted.status();
    ASSERT_EQ(fitted->epoch, 3);
    const auto after = LogitsOfTrain(data, *network);
    const auto copied = LogitsOfTrain(data, **ReadNetwork(model, *OneFeature(), fitted->weights, at::kCPU));
    ASSERT_EQ(copied.size(), after.size());
    double moved = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      EXPECT_NEAR(copied[i], after[i], 1e-5);
      moved = std::max(moved, std::abs(double{after[i]} - before[i]));
    }
    EXPECT_GT(moved, .1);
  }
}

// On a GPU the same is learnt, and nearly the same with products of bfloat16.
TEST(Fit, OnAGpuLearnsTheSame) {
  if (!torch::DeviceOf("cuda").ok()) GTEST_SKIP() << torch::DeviceOf("cuda").status().message();
  const Grouping data = MakeData(Sheet(64));
  vickrey::config::v1::ModelConfig mlp;
  mlp.set_architecture("mlp");
  mlp.add_hidden(8);
  for (const char* loss : {"logloss", "welfare_rank", "jrc"}) {
    std::vector<std::vector<float>> logits;
    for (const bool gpu : {false, true, true}) {
      FitOptions options = Options(Folder("gpu"));
      options.loss.set_loss(loss);
      options.loss.set_alpha(.5);
      options.optimizer.set_clip_norm(10);
      options.bfloat16 = logits.size() == 2;
      const auto network = *NewNetwork(mlp, *OneFeature(), .5, 1,
                                       {.outputs = OutputsOf(options.loss), .device = gpu ? at::kCUDA : at::kCPU});
      const auto fitted = FitAll(data, options, network.get());
      ASSERT_TRUE(fitted.ok()) << fitted.status();
      EXPECT_EQ(fitted->speed.device(), gpu ? "cuda" : "cpu");
      logits.push_back(LogitsOfTrain(data, *network));
    }
    for (size_t i = 0; i < logits[0].size(); ++i) {
      EXPECT_NEAR(logits[1][i], logits[0][i], 1e-3) << loss;
      EXPECT_NEAR(logits[2][i], logits[0][i], .1) << loss;
    }
  }
}

}  // namespace
}  // namespace vickrey::trainer
