// The parts of a training job that can be judged without one; its loop is in fit_test.cc.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/config.h"
#include "trainer/evaluate.h"
#include "trainer/guarantee.h"
#include "trainer/teacher.h"
#include "trainer/trainer_testing.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"

namespace vickrey::trainer {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

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
  EXPECT_DOUBLE_EQ(judge(LabelsOf({.25f, .125f, .25f, .125f})).multiplier,
                   .75 / 2 * (1 / .5));  // it says half too little
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
