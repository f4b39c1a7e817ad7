// The parts of a training job that can be judged without one.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/config.h"
#include "trainer/evaluate.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/guarantee.h"
#include "trainer/loss/loss.h"
#include "trainer/optim/optimizer.h"
#include "trainer/teacher.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::trainer {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// Auctions of two candidates each with one dense feature: x = 0 and x = 1. The first half is for training, the second
// for validation, or another part.
struct Sheet {
  explicit Sheet(int64_t count) {
    for (int64_t a = 0; a < count; ++a) {
      for (const bool clicked : {false, true}) {
        clicks.push_back(static_cast<float>(clicked));
        truths.push_back(clicked ? .9 : .1);
        bids.push_back(1'000'000);
        values.push_back(1'000'000);
      }
      parts.push_back(a < count / 2 ? Part::kTrain : Part::kValidation);
    }
  }

  std::vector<float> clicks;
  std::vector<double> truths;
  std::vector<int64_t> bids, values;
  std::vector<Part> parts;
};

std::shared_ptr<const features::Schema> OneFeature() {
  vickrey::v1::FeatureSchema proto;
  auto& field = *proto.add_fields();
  field.set_name("x");
  field.set_side(vickrey::v1::FeatureField::AD);
  field.set_kind(vickrey::v1::FeatureField::DENSE);
  return *features::Schema::Create(proto);
}

// A folder that is empty.
std::filesystem::path Folder(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / absl::StrCat(name, "-", getpid());
  std::filesystem::remove_all(folder);
  return folder;
}

Grouping MakeData(const Sheet& sheet, int folds = 1) {
  const auto schema = OneFeature();
  const model::Layout inputs = *model::MakeInputs(*schema);
  Chunk chunk;
  std::vector<uint64_t> ids;
  vickrey::v1::EncodedFeatures context, zero, one;
  zero.add_dense(0);
  one.add_dense(1);
  for (size_t a = 0; a < sheet.parts.size(); ++a) {
    chunk.features.Append(inputs, context, {&zero, &one});
    ids.push_back(a);
  }
  chunk.clicks = sheet.clicks;
  chunk.truths = sheet.truths;
  chunk.bids_micros = sheet.bids;
  chunk.values_micros = sheet.values;
  static int made = 0;
  const std::filesystem::path folder = Folder(absl::StrCat("data-", made++));
  auto writer = *DatasetWriter::Create(folder, schema, {});
  EXPECT_TRUE(writer->Append(chunk, ids, sheet.parts).ok());
  EXPECT_TRUE(writer->Publish().ok());
  auto grouping = Grouping::Make(*Dataset::Open(folder), folds, /*seed=*/1);
  EXPECT_TRUE(grouping.ok()) << grouping.status();
  return *grouping;
}

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

Workers& Alone() {
  static const auto workers = *Workers::FromEnvironment({});
  return *workers;
}

std::unique_ptr<torch::Network> Start(const vickrey::config::v1::ModelConfig& model, double click_rate = .5,
                                      int outputs = 1) {
  return *NewNetwork(model, *OneFeature(), click_rate, 1, {.outputs = outputs});
}

absl::StatusOr<Fitted> FitAll(const Grouping& data, const FitOptions& options, torch::Network* network,
                              const Labels& labels = Labels::Clicks()) {
  return Fit(data.Train(), data.Validation(), labels, options, &Alone(), network);
}

std::vector<float> LogitsOfTrain(const Grouping& data, const torch::Network& network) {
  std::vector<float> all;
  EXPECT_TRUE(ForEachScored(Sample(data.Train(), 0), network, [&](const Chunk&, const std::vector<float>& logits) {
                all.insert(all.end(), logits.begin(), logits.end());
                return absl::OkStatus();
              }).ok());
  return all;
}

float WeightOf(const std::filesystem::path& weights) {
  const std::string bytes = *base::ReadFile(weights);
  return model::ParseTensors(bytes)->tensors.at("ad.weight").values[0];
}

vickrey::config::v1::ModelConfig Logistic() {
  vickrey::config::v1::ModelConfig config;
  config.set_architecture("logistic");
  return config;
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

// A label has not seen its own auction's clicks: with others in their place it comes out the same, to the bit, while
// labels of other auctions do not.
TEST(T6, ATeacherDoesNotLabelWhatItTrainedOn) {
  vickrey::config::v1::TrainConfig config;
  ASSERT_TRUE(
      base::LoadConfig("{name: a, model: {architecture: logistic}, loss: {loss: welfare_rank, labels: teacher}, "
                       "teacher: {model: {architecture: logistic}, optimizer: {epochs: 2, batch_auctions: 8}}}",
                       "test", &config)
          .ok());
  ASSERT_TRUE(base::FinishConfig("test", config.mutable_evaluation()).ok());
  ASSERT_TRUE(base::FinishConfig("test", config.mutable_checkpoint()).ok());
  const trainer::Setup setup = {.root = Folder("t6"), .workers = &Alone()};
  const auto labels_of = [&](const Sheet& sheet, const std::string& snapshot) {
    const Grouping data = MakeData(sheet, config.teacher().cross_fit());
    auto teacher = LabelByTeacher(config, data, snapshot, setup);
    EXPECT_TRUE(teacher.ok()) << teacher.status();
    Chunk chunk;
    for (int64_t number = 0; number < data.dataset().auctions(); ++number) {
      EXPECT_TRUE(data.dataset().Read(number, &chunk).ok());
    }
    std::vector<double> labels;
    EXPECT_TRUE(teacher->labels.Of(chunk, &labels).ok());
    return labels;
  };
  Sheet sheet(64);
  const std::vector<double> before = labels_of(sheet, "before");
  for (const size_t auction : {size_t{0}, size_t{16}}) {
    for (size_t i = 2 * auction; i < 2 * auction + 2; ++i) sheet.clicks[i] = 1 - sheet.clicks[i];
    const std::vector<double> after = labels_of(sheet, absl::StrCat("after-", auction));
    for (size_t i = 2 * auction; i < 2 * auction + 2; ++i) {
      sheet.clicks[i] = 1 - sheet.clicks[i];
      EXPECT_EQ(after[i], before[i]) << "auction " << auction;
    }
    EXPECT_NE(after, before);
  }
}

TEST(NewNetwork, StartsAtTheClickRate) {
  const auto logits = LogitsOfTrain(MakeData(Sheet(4)), *Start(Logistic(), .2));
  EXPECT_THAT(ProbabilitiesOf(logits, 1), testing::Each(DoubleNear(.2, 1e-7)));
}

// The multiplier that makes predictions and clicks equal, of a network that predicts 1/2.
TEST(Judge, Calibrates) {
  const auto multiplier_of = [](std::vector<float> clicks) {
    Sheet sheet(2);
    sheet.clicks = std::move(clicks);
    sheet.parts = {Part::kTrain, Part::kTrain};
    const Grouping data = MakeData(sheet);
    return Judge(Sample(data.Train(), 0), *Start(Logistic()), Labels::Clicks(), std::nullopt)->multiplier;
  };
  EXPECT_DOUBLE_EQ(multiplier_of({0, 1, 0, 1}), 1);
  EXPECT_DOUBLE_EQ(multiplier_of({0, 1, kUnknown, 1}), 2 / 1.5);
  EXPECT_DOUBLE_EQ(multiplier_of({0, 0, 0, 0}), 1);
  EXPECT_THAT(ProbabilitiesOf({0, 100}, 1.5), ElementsAre(.75, 1));
}

// Teacher's labels in a file of their own.
Labels LabelsOf(const std::vector<float>& values) {
  const std::filesystem::path file = Folder("labels");
  const std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  EXPECT_TRUE(base::WriteFileAtomically(file, bytes).ok());
  return Labels::OfFile(*base::RandomAccessFile::Open(file), 0);
}

// The network predicts 1/2 of everything. Of what was shown a half was clicked, as the teacher says; of all it says .3.
TEST(Judge, CalibratesOverAllCandidatesWhereSomeWereNotShown) {
  Sheet sheet(2);
  sheet.parts = {Part::kTrain, Part::kTrain};
  sheet.truths.assign(4, kUnknown);
  sheet.clicks = {1, kUnknown, 0, kUnknown};
  const auto judge = [&](const Labels& labels) {
    const Grouping data = MakeData(sheet);
    return *Judge(Sample(data.Train(), 0), *Start(Logistic()), labels, std::nullopt);
  };
  EXPECT_DOUBLE_EQ(judge(Labels::Clicks()).multiplier, 1);
  EXPECT_FALSE(judge(Labels::Clicks()).metrics.has_welfare());
  const Judgement judged = judge(LabelsOf({.5f, .125f, .5f, .125f}));
  EXPECT_DOUBLE_EQ(judged.multiplier, 1.25 / 2);
  EXPECT_EQ(judged.metrics.reference(), "teacher");  // ties go to the first: the teacher's .5, at bids of 1
  EXPECT_DOUBLE_EQ(judged.metrics.welfare(), .5);
  EXPECT_DOUBLE_EQ(judge(LabelsOf({.25f, .125f, .25f, .125f})).multiplier, .75 / 2 * (1 / .5));  // it says half too little
  EXPECT_DOUBLE_EQ(judge(LabelsOf({.5f, static_cast<float>(kUnknown), .5f, .125f})).multiplier, 1);  // not of all
  sheet.clicks = {1, 0, 0, 0};
  EXPECT_DOUBLE_EQ(judge(LabelsOf({.5f, .125f, .5f, .125f})).multiplier, .5);  // all shown: clicks alone
}

// 400 auctions in 20 parts of 20: in part g the shares of clicks of x = 1 are g / 20, those of x = 0 are 0.
TEST(Judge, IntervalsAreStudentsOverParts) {
  Sheet sheet(400);
  for (int a = 0; a < 400; ++a) {
    sheet.parts[a] = Part::kTrain;
    sheet.clicks[2 * a + 1] = static_cast<float>(a % 20 < a / 20);
    sheet.truths[2 * a] = sheet.truths[2 * a + 1] = std::numeric_limits<double>::quiet_NaN();
  }
  const Grouping data = MakeData(sheet);
  vickrey::config::v1::ModelConfig model = Logistic();
  const auto network = Start(model);
  at::Tensor weight = network->dense_parameters().at("ad.weight");
  weight.data().fill_(1);  // the second candidate wins
  const auto judgement = Judge(Sample(data.Train(), 0), *network, Labels::Clicks(), std::nullopt, true);
  ASSERT_TRUE(judgement.ok()) << judgement.status();
  EXPECT_NEAR(judgement->by_name.at("welfare"), .475, 1e-12);  // the mean of 0, .05, ..., .95
  // Their variance is .05^2 (20^2 - 1) / 12 with 1/n, of which Student's deviation of the mean has 20/19 / 20.
  const double deviation = std::sqrt(.0025 * 399 / 12 * 20 / 19 / 20);
  EXPECT_NEAR(judgement->half_widths.at("welfare"), 2.093 * deviation, 1e-9);
  // Of a sample of 100, every fourth.
  EXPECT_EQ(Judge(Sample(data.Train(), 100), *network, Labels::Clicks(), std::nullopt)->metrics.auctions(), 100);
}

// Of auctions for testing, of a network that gives logits of 0 and `logit`.
absl::StatusOr<Guarantee> GuaranteeOfSheet(Sheet sheet, float logit, double multiplier,
                                           const std::vector<float>& teacher) {
  std::ranges::fill(sheet.parts, Part::kTest);
  const Grouping data = MakeData(sheet);
  vickrey::config::v1::LossConfig config;
  config.set_loss("welfare_rank");
  EXPECT_TRUE(base::FinishConfig("test", &config).ok());
  const auto network = Start(Logistic());
  at::Tensor weight = network->dense_parameters().at("ad.weight");
  weight.data().fill_(0);
  weight.data()[0] = logit;
  return GuaranteeOf(Sample(data.Test(), 0), *network, multiplier, LabelsOf(teacher), config);
}

TEST(Guarantee, IsTheBoundOfTheTeachersLossAndError) {
  // One auction, bids 1 and 1, truth .1 and .9, teacher .2 and .9. The model is indifferent, d = 0: each ordered pair
  // of weight (v_i - v_j)+ costs log2(1 + 1) = 1, so the loss is .7; eps_b = .1.
  const auto guarantee = GuaranteeOfSheet(Sheet(1), 0, 1, {.2f, .9f});
  ASSERT_TRUE(guarantee.ok()) << guarantee.status();
  EXPECT_NEAR(guarantee->eps, std::sqrt(.01 / 2), 1e-7);
  EXPECT_NEAR(*guarantee->eps_b, .1, 1e-7);
  EXPECT_NEAR(*guarantee->bound, .7 + .1 * std::numbers::sqrt2, 1e-7);
}

TEST(Guarantee, IsNotCertifiedWhereItWouldNotHold) {
  Sheet sheet(1);
  const auto cut = GuaranteeOfSheet(sheet, 2, 1.5, {.2f, .9f});
  EXPECT_FALSE(cut->bound.has_value());
  EXPECT_EQ(cut->verdict, "not certified: predictions are cut at 1");
  sheet.values[0] = 7;
  EXPECT_EQ(GuaranteeOfSheet(sheet, 2, 1.5, {.2f, .9f})->verdict, "not certified: values differ from bids");
}

TEST(Guarantee, OfAPerfectTeacherOnClicksIsAboutZero) {
  // 2000 auctions of two candidates of probability 1/20, every twentieth clicked in a pattern unrelated to the labels.
  Sheet sheet(2000);
  sheet.truths.assign(4000, kUnknown);
  std::vector<float> teacher;
  for (int i = 0; i < 4000; ++i) {
    sheet.clicks[i] = i % 20 == 7;
    teacher.push_back(.05f + 1e-7f * static_cast<float>(i * 7919 % 4000));
  }
  EXPECT_NEAR(GuaranteeOfSheet(sheet, 0, 1, teacher)->eps, 0, .002);
}

TEST(Guarantee, LabelsThatAreAlikeAreJudgedTogether) {
  // As above, with one label for all. A tenth of the rows that are sorted by click, too, would be off by .05 or .45.
  Sheet sheet(2000);
  sheet.truths.assign(4000, kUnknown);
  for (int i = 0; i < 4000; ++i) sheet.clicks[i] = i % 20 == 7;
  EXPECT_NEAR(GuaranteeOfSheet(sheet, 0, 1, std::vector<float>(4000, .05f))->eps, 0, .002);
  // Off by .1: (.15 - .05)^2.
  EXPECT_NEAR(GuaranteeOfSheet(sheet, 0, 1, std::vector<float>(4000, .15f))->eps, .1, .001);
}

TEST(Guarantee, IsNotCertifiedWithoutTheTruth) {
  Sheet sheet(100);
  sheet.truths.assign(200, kUnknown);
  std::vector<float> calibrated, off;
  for (int i = 0; i < 100; ++i) {
    for (const float click : {0.f, 1.f}) {
      calibrated.push_back(click);
      off.push_back(click == 1 ? .8f : 0);  // half the rows are off by .2
    }
  }
  const auto good = GuaranteeOfSheet(sheet, 0, 1, calibrated);
  EXPECT_FALSE(good->bound.has_value());
  EXPECT_NEAR(good->eps, 0, 1e-6);
  EXPECT_NEAR(GuaranteeOfSheet(sheet, 0, 1, off)->eps, std::sqrt(.04 / 2), 1e-7);
}

// The configuration that a file comes to.
absl::StatusOr<JobConfig> Load(const std::string& text, const std::vector<std::string>& settings = {}) {
  const std::string file = testing::TempDir() + "/trainer_test-" + std::to_string(getpid()) + ".yaml";
  EXPECT_TRUE(base::WriteFileAtomically(file, text).ok());
  return LoadJobConfig(file, settings);
}

constexpr char kRank[] =
    "name: a\nmodel: {architecture: logistic}\nloss: {loss: welfare_rank}\n"
    "teacher: {model: {architecture: mlp, hidden: [8]}}\noptimizer: {epochs: 5}\n";

TEST(Config, WelfareRankComesWithItsRecipe) {
  const auto job = Load(kRank);
  ASSERT_TRUE(job.ok()) << job.status();
  const auto& loss = job->config.loss();
  EXPECT_EQ(loss.labels(), "teacher");
  EXPECT_EQ(loss.pairs(), "ppi");
  EXPECT_EQ(loss.sigma(), 4);
  EXPECT_EQ(loss.sigma_end(), 20);
  EXPECT_EQ(loss.alpha(), .03);
  EXPECT_EQ(loss.alpha_end(), .003);
  EXPECT_EQ(loss.warm_phase(), .4);
  EXPECT_EQ(job->config.teacher().optimizer().epochs(), 5);  // as the student's
  EXPECT_FALSE(job->base_rate_given);
}

TEST(Config, WhatIsGivenStays) {
  const auto job = Load(kRank, {"loss.sigma=2", "loss.alpha=0.5", "loss.base_rate=0.1"});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->config.loss().sigma(), 2);
  EXPECT_FALSE(job->config.loss().has_sigma_end());
  EXPECT_FALSE(job->config.loss().has_alpha_end());
  EXPECT_TRUE(job->base_rate_given);
}

}  // namespace
}  // namespace vickrey::trainer
