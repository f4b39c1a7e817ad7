// The parts of a training job that can be judged without one.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/config.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/guarantee.h"
#include "trainer/teacher.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"

namespace vickrey::trainer {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// Auctions of two candidates each with one dense feature: x = 0 and x = 1, the second always clicked.
std::unique_ptr<Dataset> MakeDataset(int64_t auctions) {
  vickrey::v1::FeatureSchema proto;
  auto& field = *proto.add_fields();
  field.set_name("x");
  field.set_side(vickrey::v1::FeatureField::AD);
  field.set_kind(vickrey::v1::FeatureField::DENSE);
  const auto schema = *features::Schema::Create(proto);
  vickrey::storage::v1::ModelSpec spec;
  spec.set_architecture("logistic");
  const model::Layout layout = *model::MakeLayout(spec, *schema);
  auto data = std::make_unique<Dataset>();
  data->schema = schema;
  vickrey::v1::EncodedFeatures context, zero, one;
  zero.add_dense(0);
  one.add_dense(1);
  for (int64_t a = 0; a < auctions; ++a) {
    data->features.Append(layout, context, {&zero, &one});
    for (const bool clicked : {false, true}) {
      data->bids_micros.push_back(1'000'000);
      data->values_micros.push_back(1'000'000);
      data->clicks.push_back(clicked);
      data->truths.push_back(clicked ? .9 : .1);
    }
  }
  data->train = {0, auctions / 2};
  data->validation = {auctions / 2, auctions};
  data->test = {auctions, auctions};
  return data;
}

FitOptions Options(const Dataset& data) {
  FitOptions options{.name = "test"};
  options.loss.set_loss("logloss");
  EXPECT_TRUE(base::FinishConfig("test", &options.loss).ok());
  EXPECT_TRUE(base::FinishConfig("test", &options.optimizer).ok());
  options.optimizer.set_batch_auctions(8);
  options.optimizer.set_epochs(3);
  for (int64_t a = data.train.begin; a < data.train.end; ++a) options.auctions.push_back(a);
  return options;
}

vickrey::config::v1::ModelConfig Logistic() {
  vickrey::config::v1::ModelConfig config;
  config.set_architecture("logistic");
  return config;
}

TEST(LearningRate, RisesOverATenthAndFallsAsACosine) {
  std::vector<double> rates;
  for (int64_t step = 0; step < 20; ++step) rates.push_back(LearningRateAt(step, 20));
  EXPECT_DOUBLE_EQ(rates[0], .5);  // two steps of rise
  EXPECT_DOUBLE_EQ(rates[1], 1);
  EXPECT_DOUBLE_EQ(rates[2], 1);
  EXPECT_DOUBLE_EQ(rates[11], .5);  // the middle of the 18 steps of fall
  EXPECT_NEAR(rates[19], (1 + std::cos(std::numbers::pi * 17 / 18)) / 2, 1e-15);
  EXPECT_DOUBLE_EQ(LearningRateAt(0, 1), 1);
}

TEST(Fit, LearnsAndIsRepeatable) {
  const auto data = MakeDataset(64);
  const std::vector<double> labels = LoggedLabels(*data, Labels::kClick);
  std::vector<std::string> weights;
  for (int run = 0; run < 2; ++run) {
    const auto network = *NewNetwork(Logistic(), *data, .5, 1);
    const auto fitted = Fit(*data, labels, Options(*data), network.get());
    ASSERT_TRUE(fitted.ok()) << fitted.status();
    EXPECT_GT(fitted->weights.tensors.at("ad.weight").values[0], .1);
    weights.push_back(model::SerializeTensors(fitted->weights));
  }
  EXPECT_EQ(weights[0], weights[1]);
}

TEST(Fit, AMaskedCandidateTeachesNothing) {
  const auto data = MakeDataset(64);
  std::vector<double> labels = LoggedLabels(*data, Labels::kClick);
  for (size_t i = 1; i < labels.size(); i += 2) labels[i] = kUnknown;  // only x = 0 is left
  const auto network = *NewNetwork(Logistic(), *data, .5, 1);
  const auto fitted = Fit(*data, labels, Options(*data), network.get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  EXPECT_EQ(fitted->weights.tensors.at("ad.weight").values[0], 0);
}

TEST(Fit, KeepsACheckpointOfTheRankPhase) {
  const auto data = MakeDataset(64);
  FitOptions options = Options(*data);
  options.optimizer.set_epochs(5);
  options.loss.set_loss("welfare_rank");
  options.loss.set_warm_phase(.6);  // three of the five epochs
  const auto network = *NewNetwork(Logistic(), *data, .5, 1);
  // Every epoch has the same welfare, all there is, so that the first that may be kept is.
  const auto fitted = Fit(*data, LoggedLabels(*data, Labels::kClick), options, network.get());
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  EXPECT_EQ(fitted->epoch, 4);
}

TEST(Fit, StopsWhereTheObjectiveIsNoLongerFinite) {
  const auto data = MakeDataset(64);
  FitOptions options = Options(*data);
  options.loss.set_base_rate(1e-320);  // its inverse is infinite
  const auto network = *NewNetwork(Logistic(), *data, .5, 1);
  const auto status = Fit(*data, LoggedLabels(*data, Labels::kClick), options, network.get()).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("step"));
}

TEST(Fit, RefusesLabelsThatAreNoProbabilities) {
  const auto data = MakeDataset(64);
  std::vector<double> labels = LoggedLabels(*data, Labels::kClick);
  labels[3] = std::numeric_limits<double>::infinity();
  const auto network = *NewNetwork(Logistic(), *data, .5, 1);
  const auto status = Fit(*data, labels, Options(*data), network.get()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("labels[1]"));
}

// A loss with two outputs: what comes out of it has one, and is the difference.
TEST(Fit, TrainsALossWithTwoOutputs) {
  const auto data = MakeDataset(64);
  vickrey::config::v1::ModelConfig mlp;
  mlp.set_architecture("mlp");
  mlp.add_hidden(4);
  FitOptions options = Options(*data);
  options.loss.set_loss("jrc");
  options.loss.set_alpha(.5);
  for (const auto& model : {Logistic(), mlp}) {
    const auto network = *NewNetwork(model, *data, .5, 1, OutputsOf(options.loss));
    const auto before = *LogitsOf(*data, data->train, *network);
    const auto fitted = Fit(*data, LoggedLabels(*data, Labels::kClick), options, network.get());
    ASSERT_TRUE(fitted.ok()) << fitted.status();
    const auto after = *LogitsOf(*data, data->train, *network);
    const auto copied = *LogitsOf(*data, data->train, **WithWeights(model, *data, network->Copy()));
    ASSERT_EQ(copied.size(), after.size());
    double moved = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      EXPECT_NEAR(copied[i], after[i], 1e-5);
      moved = std::max(moved, std::abs(double{after[i]} - before[i]));
    }
    EXPECT_GT(moved, .1);
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
  const std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "t6";
  std::filesystem::remove_all(root);
  const auto data = MakeDataset(64);
  const auto labels_of = [&](const std::string& snapshot) {
    auto labels = LabelByTeacher(config, *data, snapshot, root);
    EXPECT_TRUE(labels.ok()) << labels.status();
    return labels->labels;
  };
  const std::vector<double> before = labels_of("before");
  for (const int64_t auction : {int64_t{0}, data->train.end / 2}) {
    const int64_t begin = data->features.offsets[auction], end = data->features.offsets[auction + 1];
    for (int64_t i = begin; i < end; ++i) data->clicks[i] = 1 - data->clicks[i];
    const std::vector<double> after = labels_of(absl::StrCat("after-", auction));
    for (int64_t i = begin; i < end; ++i) {
      data->clicks[i] = 1 - data->clicks[i];
      EXPECT_EQ(after[i], before[i]) << "auction " << auction;
    }
    EXPECT_NE(after, before);
  }
}

TEST(NewNetwork, StartsAtTheClickRate) {
  const auto data = MakeDataset(4);
  const auto network = *NewNetwork(Logistic(), *data, .2, 1);
  const auto logits = *LogitsOf(*data, data->train, *network);
  EXPECT_THAT(ProbabilitiesOf(logits, 1), testing::Each(DoubleNear(.2, 1e-7)));
}

TEST(Multiplier, MakesPredictionsAndClicksEqual) {
  const auto data = MakeDataset(2);
  const std::vector<float> logits = {0, 0, 0, 0};  // predictions of 1/2; half are clicked
  EXPECT_DOUBLE_EQ(MultiplierFor(*data, {0, 2}, logits), 1);
  data->clicks = {0, 1, kUnknown, 1};  // 2 clicks in 3 rows, 1.5 predicted
  EXPECT_DOUBLE_EQ(MultiplierFor(*data, {0, 2}, logits), 2 / 1.5);
  data->clicks = {0, 0, 0, 0};
  EXPECT_DOUBLE_EQ(MultiplierFor(*data, {0, 2}, logits), 1);
  EXPECT_THAT(ProbabilitiesOf({0, 100}, 1.5), ElementsAre(.75, 1));
}

TEST(Guarantee, IsTheBoundOfTheTeachersLossAndError) {
  // One auction, bids 1 and 1, truth .1 and .9, teacher .2 and .9. The model is indifferent, d = 0: each ordered pair
  // of weight (v_i - v_j)+ costs log2(1 + 1) = 1, so the loss is .7; eps_b = .1.
  const auto data = MakeDataset(1);
  vickrey::config::v1::LossConfig config;
  config.set_loss("welfare_rank");
  ASSERT_TRUE(base::FinishConfig("test", &config).ok());
  const auto guarantee = GuaranteeOf(*data, {0, 1}, {0, 0}, 1, {.2, .9}, config);
  ASSERT_TRUE(guarantee.ok()) << guarantee.status();
  EXPECT_NEAR(guarantee->eps, std::sqrt(.01 / 2), 1e-12);
  EXPECT_NEAR(*guarantee->eps_b, .1, 1e-12);
  EXPECT_NEAR(*guarantee->bound, .7 + .1 * std::numbers::sqrt2, 1e-12);
}

TEST(Guarantee, IsNotCertifiedWhereItWouldNotHold) {
  const auto data = MakeDataset(1);
  vickrey::config::v1::LossConfig config;
  config.set_loss("welfare_rank");
  ASSERT_TRUE(base::FinishConfig("test", &config).ok());
  const auto cut = GuaranteeOf(*data, {0, 1}, {0, 2}, 1.5, {.2, .9}, config);
  EXPECT_FALSE(cut->bound.has_value());
  EXPECT_EQ(cut->verdict, "not certified: predictions are cut at 1");
  data->values_micros[0] = 7;
  EXPECT_EQ(GuaranteeOf(*data, {0, 1}, {0, 0}, 1, {.2, .9}, config)->verdict, "not certified: values differ from bids");
}

TEST(Guarantee, OfAPerfectTeacherOnClicksIsAboutZero) {
  // 2000 auctions of two candidates of probability 1/20, every twentieth clicked in a pattern unrelated to the labels.
  const auto data = MakeDataset(2000);
  data->truths.assign(4000, kUnknown);
  std::vector<double> teacher;
  for (int i = 0; i < 4000; ++i) {
    data->clicks[i] = i % 20 == 7;
    teacher.push_back(.05 + 1e-9 * (i * 7919 % 4000));
  }
  vickrey::config::v1::LossConfig config;
  config.set_loss("welfare_rank");
  ASSERT_TRUE(base::FinishConfig("test", &config).ok());
  EXPECT_NEAR(GuaranteeOf(*data, {0, 2000}, std::vector<float>(4000), 1, teacher, config)->eps, 0, .002);
}

TEST(Guarantee, IsNotCertifiedWithoutTheTruth) {
  const auto data = MakeDataset(100);
  data->truths.assign(200, kUnknown);
  std::vector<double> calibrated, off;
  for (int i = 0; i < 100; ++i) {
    for (const double click : {0., 1.}) {
      calibrated.push_back(click);
      off.push_back(click == 1 ? .8 : 0);  // half the rows are off by .2
    }
  }
  const std::vector<float> logits(200, 0);
  vickrey::config::v1::LossConfig config;
  config.set_loss("welfare_rank");
  ASSERT_TRUE(base::FinishConfig("test", &config).ok());
  const auto good = GuaranteeOf(*data, {0, 100}, logits, 1, calibrated, config);
  EXPECT_FALSE(good->bound.has_value());
  EXPECT_NEAR(good->eps, 0, 1e-6);
  EXPECT_NEAR(GuaranteeOf(*data, {0, 100}, logits, 1, off, config)->eps, std::sqrt(.04 / 2), 1e-12);
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
