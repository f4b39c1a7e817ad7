#include "trainer/forecast/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/forecast/testing.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kMinimal[] = "model: {architecture: lstm}\nloss: {loss: gmadl}\n";

TEST(ForecastConfig, FillsInWhatDependsOnOtherFields) {
  const ForecastJob job = JobOf(kMinimal);
  EXPECT_EQ(job.config.model().width(), 32);
  EXPECT_EQ(job.config.model().layers(), 1);
  EXPECT_FALSE(job.config.model().has_heads());
  EXPECT_EQ(job.config.loss().a(), 1);
  EXPECT_EQ(job.config.loss().b(), 1);
  EXPECT_THAT(job.config.strategy().quantiles(), ElementsAre(.25, .5, .75));
  ASSERT_EQ(job.tries.size(), 1u);
  EXPECT_EQ(job.tries[0].config.SerializeAsString(), job.config.SerializeAsString());
  EXPECT_EQ(JobOf("model: {architecture: transformer, width: 12, heads: 3}\nloss: {loss: madl}\n")
                .config.model()
                .feedforward(),
            64);
  EXPECT_EQ(JobOf("model: {architecture: perceptron}\nloss: {loss: madl}\n").config.loss().a(), 10);
}

TEST(ForecastConfig, CandidatesGoOverIt) {
  const ForecastJob job = JobOf(std::string(kMinimal) +
                                "optimizer: {epochs: 7}\n"
                                "candidates:\n"
                                "  - settings: {}\n"
                                "  - settings: {optimizer.learning_rate: 0.02, model.width: 8, loss.a: 4}\n");
  ASSERT_EQ(job.tries.size(), 2u);
  EXPECT_TRUE(job.tries[0].settings.empty());
  EXPECT_EQ(job.tries[0].config.model().width(), 32);
  EXPECT_EQ(job.tries[1].settings.at("optimizer.learning_rate"), "0.02");
  EXPECT_EQ(job.tries[1].config.optimizer().learning_rate(), 0.02);
  EXPECT_EQ(job.tries[1].config.optimizer().epochs(), 7);
  EXPECT_EQ(job.tries[1].config.model().width(), 8);
  EXPECT_EQ(job.tries[1].config.loss().a(), 4);
  const ForecastJob lists = JobOf(
      "model: {architecture: perceptron, hidden: [5]}\nloss: {loss: mse}\n"
      "candidates: [{settings: {model.hidden: [8, 4]}}, {settings: {model.hidden: []}}]\n");
  EXPECT_THAT(lists.tries[0].config.model().hidden(), ElementsAre(8, 4));
  EXPECT_TRUE(lists.tries[1].config.model().hidden().empty());
}

TEST(ForecastConfig, FlagsGoOverTheFile) {
  const ForecastJob job = JobOf(kMinimal, {"seed=9", "loss.loss=mae", "model.window=3"});
  EXPECT_EQ(job.config.seed(), 9u);
  EXPECT_EQ(job.config.loss().loss(), "mae");
  EXPECT_FALSE(job.config.loss().has_a());
  EXPECT_EQ(job.config.model().window(), 3);
}

// The error, which is about the field named.
std::string ErrorOf(const std::string& text, const std::string& field) {
  const auto job = LoadText(text);
  EXPECT_TRUE(absl::IsInvalidArgument(job.status())) << text << job.status();
  EXPECT_EQ(base::FieldOf(job.status()).value_or(""), field) << job.status();
  return std::string(job.status().message());
}

TEST(ForecastConfig, ErrorsNameFileLineAndKey) {
  EXPECT_THAT(ErrorOf("loss: {loss: mse}\n", "model"), EndsWith("forecast.yaml: model: is required"));
  EXPECT_THAT(ErrorOf("model: {architecture: gru}\nloss: {loss: mse}\n", "model.architecture"),
              HasSubstr("forecast.yaml:1: model.architecture: 'gru' is not one of perceptron, lstm, transformer"));
  EXPECT_THAT(ErrorOf("model: {architecture: lstm}\nloss: {loss: huber}\n", "loss.loss"),
              HasSubstr("forecast.yaml:2: loss.loss: 'huber' is not one of mse, mae, madl, gmadl"));
  EXPECT_THAT(ErrorOf("model:\n  architecture: lstm\n  hidden: [3]\nloss: {loss: mse}\n", "model.hidden"),
              EndsWith("forecast.yaml:3: model.hidden: is not read by 'lstm'"));
  EXPECT_THAT(ErrorOf("model: {architecture: perceptron}\nloss: {loss: mse, a: 1}\n", "loss.a"),
              EndsWith("forecast.yaml:2: loss.a: is not read by 'mse'"));
  EXPECT_THAT(ErrorOf("model: {architecture: perceptron}\nloss: {loss: madl, b: 1}\n", "loss.b"),
              EndsWith("forecast.yaml:2: loss.b: is not read by 'madl'"));
  EXPECT_THAT(
      ErrorOf("model:\n  architecture: transformer\n  width: 10\n  heads: 3\nloss: {loss: mse}\n", "model.heads"),
      EndsWith("forecast.yaml:4: model.heads: 3 does not divide width, 10"));
  EXPECT_THAT(ErrorOf(std::string(kMinimal) + "walk_forward:\n  out_of_sample: 20\n  step: 10\n", "walk_forward.step"),
              HasSubstr("forecast.yaml:5: walk_forward.step: 10 is neither 0"));
  EXPECT_THAT(ErrorOf(std::string(kMinimal) + "optimizer: {epoch: 3}\n", "optimizer.epoch"),
              HasSubstr("forecast.yaml:3: optimizer.epoch: unknown key; known keys: learning_rate, epochs"));
  EXPECT_THAT(
      ErrorOf(std::string(kMinimal) + "optimizer: {learning_rate: 1, weight_decay: 2}\n", "optimizer.weight_decay"),
      HasSubstr("forecast.yaml:3: optimizer.weight_decay: 2 times the learning rate of 1 is not below 1"));
  EXPECT_THAT(
      ErrorOf("model: {architecture: perceptron}\nloss: {loss: mse}\noptimizer: {dropout: 0.1}\n", "optimizer.dropout"),
      EndsWith("forecast.yaml:3: optimizer.dropout: is not read by a perceptron without hidden layers"));
  EXPECT_THAT(ErrorOf(std::string(kMinimal) + "strategy: {metric: sharpe}\n", "strategy.metric"),
              HasSubstr("forecast.yaml:3: strategy.metric: 'sharpe' is not one of ir2, ir, arc, profit"));
}

TEST(ForecastConfig, ErrorsOfCandidatesNameTheirLine) {
  const auto with = [](const std::string& setting) {
    return std::string(kMinimal) + "candidates:\n  - settings:\n      optimizer.epochs: 3\n      " + setting + "\n";
  };
  EXPECT_THAT(
      ErrorOf(with("optimizer.lr: 1"), "candidates[0].settings.optimizer.lr"),
      HasSubstr("forecast.yaml:6: candidates[0].settings.optimizer.lr: unknown key; known keys: learning_rate"));
  EXPECT_THAT(
      ErrorOf(with("optimizer.learning_rate: fast"), "candidates[0].settings.optimizer.learning_rate"),
      EndsWith("forecast.yaml:6: candidates[0].settings.optimizer.learning_rate: 'fast' is not a finite number"));
  EXPECT_THAT(ErrorOf(with("optimizer.learning_rate: -1"), "candidates[0].settings.optimizer.learning_rate"),
              HasSubstr("forecast.yaml:6: candidates[0].settings.optimizer.learning_rate: -1 is out of range"));
  EXPECT_THAT(ErrorOf(with("model.heads: 2"), "candidates[0].settings.model.heads"),
              EndsWith("forecast.yaml:6: candidates[0].settings.model.heads: is not read by 'lstm'"));
  for (const char* key : {"loss.loss: mse", "model.architecture: lstm", "seed: 3", "walk_forward.in_sample: 9"}) {
    EXPECT_THAT(ErrorOf(with(key), "candidates[0].settings." + std::string(key).substr(0, std::string(key).find(':'))),
                HasSubstr("is not what candidates differ in"));
  }
  EXPECT_THAT(
      ErrorOf(std::string(kMinimal) + "candidates:\n  - optimizer.epochs: 3\n", "candidates[0].optimizer.epochs"),
      HasSubstr("forecast.yaml:4: candidates[0].optimizer.epochs: unknown key; known keys: settings"));
  EXPECT_THAT(ErrorOf("model: {architecture: transformer}\nloss: {loss: mse}\ncandidates:\n"
                      "  - settings: {model.width: 30}\n",
                      "candidates[0]"),
              HasSubstr("forecast.yaml:4: candidates[0]: with its settings: model.heads: 4 does not divide width, 30"));
}

TEST(ForecastConfig, SettingsOfFlagsAreNamed) {
  EXPECT_EQ(base::FieldOf(LoadText(kMinimal, {"epochs"}).status()).value_or(""), "--set");
  EXPECT_THAT(std::string(LoadText(kMinimal, {"optimizer.epochs=x"}).status().message()),
              HasSubstr("--set: optimizer.epochs: 'x' is not a whole number"));
  EXPECT_TRUE(absl::IsNotFound(LoadForecastJob("/nowhere/forecast.yaml", {}).status()));
}

}  // namespace
}  // namespace vickrey::trainer
