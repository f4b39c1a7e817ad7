// Inputs, losses and trainings by themselves.
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/forecast/fit.h"
#include "trainer/forecast/inputs.h"
#include "trainer/forecast/loss.h"
#include "trainer/forecast/testing.h"

namespace vickrey::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> Floats(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

TEST(Inputs, AreTheReturnsBefore) {
  const std::vector<double> returns = {1, 2, 4, 8, 16, 32};
  const at::Tensor inputs = InputsOf(returns, {3, 5}, 2, 2);
  EXPECT_EQ(inputs.sizes(), (std::vector<int64_t>{2, 2, 1}));
  EXPECT_THAT(Floats(inputs), ElementsAre(1, 2, 2, 4));  // of period 3: returns 1 and 2; of 4: 2 and 3
  EXPECT_THAT(Floats(TargetsOf(returns, {3, 5}, 2)), ElementsAre(4, 8));
  // What is forecast next, just behind the series.
  EXPECT_THAT(Floats(InputsOf(returns, {6, 7}, 3, 1)), ElementsAre(8, 16, 32));
}

TEST(Scale, ByHand) {
  // Mean 4; squares 4 + 0 + 4; over 2.
  const std::vector<double> returns = {1e9, 2, 4, 6, -1e9};
  EXPECT_DOUBLE_EQ(ScaleOf(returns, {1, 4}), 2);
  EXPECT_EQ(ScaleOf(returns, {1, 2}), 1);
  EXPECT_EQ(ScaleOf(std::vector<double>(5, .25), {0, 5}), 1);
}

// Values and slopes at R = 2, F = 3 and R = -1, F = 1/2.
TEST(ForecastLoss, ByHand) {
  const at::Tensor observed = at::tensor(std::vector<float>{2, -1});
  const auto at = [&](const char* name, double a, double b) {
    const at::Tensor forecast = at::tensor(std::vector<float>{3, .5}).set_requires_grad(true);
    const at::Tensor value = (*FindForecastLoss(name))(forecast, observed, a, b);
    value.backward();
    std::vector<float> all = Floats(forecast.grad());
    all.push_back(value.item<float>());
    return all;
  };
  using ::testing::FloatNear;
  EXPECT_THAT(at("mse", 0, 0), ElementsAre(1, 1.5f, 1.625f));  // (1 + 2.25) / 2
  EXPECT_THAT(at("mae", 0, 0), ElementsAre(.5f, .5f, 1.25f));  // (1 + 1.5) / 2
  // a R F = ln 3 and -ln 3 / 12: for the first sigmoid 3/4, so -(1/4) 2^2 and slope -a 2 (3/16) 4.
  const double a = std::log(3.) / 6, g = 1 / (1 + std::pow(3., 1. / 12));
  EXPECT_THAT(at("gmadl", a, 2), ElementsAre(FloatNear(-a * 2 * .75 / 2, 1e-6), FloatNear(a * g * (1 - g) / 2, 1e-6),
                                             FloatNear((-1 + (.5 - g)) / 2, 1e-6)));
  // -2 tanh(a 6 / 2) + tanh(a .5 / 2), whose limit is madl: (-2 + 1) / 2.
  EXPECT_NEAR(at("madl", .4, 0)[2], (-2 * std::tanh(1.2) + std::tanh(.1)) / 2, 1e-6);
  EXPECT_NEAR(at("madl", 1e4, 0)[2], -.5, 1e-6);
  EXPECT_LT(at("madl", .4, 0)[0], 0);
  EXPECT_THAT(std::string(FindForecastLoss("huber").status().message()),
              HasSubstr("'huber' is not known; known: mse, mae, madl, gmadl"));
}

std::string Linear(const std::string& more) {
  return "model: {architecture: perceptron, window: 1}\nloss: {loss: mse}\n" + more;
}

// f = w x + b from the start w0, b0; Adam's first step is the learning rate against the sign of the gradient, which is
// that of mean (f - r) x and mean (f - r).
TEST(ForecastFit, FirstStepByHand) {
  const ForecastJob job = JobOf(Linear("optimizer: {learning_rate: 0.125, batch: 100, epochs: 1}\n"));
  const at::Tensor inputs = at::tensor(std::vector<float>{1, -1, 2}).view({3, 1, 1});
  const at::Tensor targets = at::tensor(std::vector<float>{-9, 7, -20});  // w is to fall; mean f - r is above 0
  const auto fit = *ForecastFit::Create(job.config, inputs, targets);
  const double w = fit->forecaster().by_name().at("output.weight").item<double>();
  const double b = fit->forecaster().by_name().at("output.bias").item<double>();
  ASSERT_TRUE(*fit->Epoch());
  EXPECT_NEAR(fit->forecaster().by_name().at("output.weight").item<double>(), w - .125, 1e-6);
  EXPECT_NEAR(fit->forecaster().by_name().at("output.bias").item<double>(), b - .125, 1e-6);
  const double mse = (std::pow(w + b + 9, 2) + std::pow(b - w - 7, 2) + std::pow(2 * w + b + 20, 2)) / 3;
  EXPECT_NEAR(fit->objective(), mse, 1e-5 * mse);
  EXPECT_EQ(fit->steps(), 1);
}

TEST(ForecastFit, SameSeedSameBits) {
  for (const char* architecture : kArchitectures) {
    const auto run = [&](uint64_t seed, const std::string& more) {
      const ForecastJob job =
          JobOf(SmallModel(architecture) + "loss: {loss: gmadl}\nseed: " + std::to_string(seed) + "\n" + more);
      const std::vector<double> returns = SignRule(300, .5, 1);
      const auto fit =
          *ForecastFit::Create(job.config, InputsOf(returns, {4, 300}, 4, .01), TargetsOf(returns, {4, 300}, .01));
      at::rand({3});  // others use LibTorch's generator too
      for (int epoch = 0; epoch < 3; ++epoch) EXPECT_TRUE(*fit->Epoch());
      EXPECT_EQ(fit->steps(), 3 * 5);  // 296 periods in batches of 64
      return fit->forecaster().parameters().clone();
    };
    EXPECT_TRUE(run(1, "").equal(run(1, ""))) << architecture;
    EXPECT_FALSE(run(1, "").equal(run(2, ""))) << architecture;
    EXPECT_TRUE(run(1, "optimizer: {dropout: 0.3}").equal(run(1, "optimizer: {dropout: 0.3}"))) << architecture;
    EXPECT_FALSE(run(1, "optimizer: {dropout: 0.3}").equal(run(1, ""))) << architecture;
    EXPECT_FALSE(run(1, "optimizer: {weight_decay: 0.1}").equal(run(1, ""))) << architecture;
    EXPECT_FALSE(run(1, "optimizer: {clip_norm: 1e-9}").equal(run(1, ""))) << architecture;
  }
}

TEST(ForecastFit, StopsWhereItIsNotFinite) {
  const ForecastJob job = JobOf(Linear(""));
  const float infinity = std::numeric_limits<float>::infinity();
  const auto fit =
      *ForecastFit::Create(job.config, at::full({2, 1, 1}, 1.f), at::tensor(std::vector<float>{1, infinity}));
  const at::Tensor before = fit->forecaster().parameters().clone();
  EXPECT_FALSE(*fit->Epoch());
  EXPECT_TRUE(fit->forecaster().parameters().equal(before));
  EXPECT_EQ(fit->steps(), 0);
}

std::string Small(const std::string& architecture, const std::string& loss, const std::string& more = "") {
  return SmallModel(architecture) + "loss: {loss: " + loss +
         "}\nwalk_forward: {in_sample: 200, validation: 60, out_of_sample: 50}\n" + more;
}

TEST(RunWindow, TakesTheBestEpochAndCandidate) {
  const std::vector<double> returns = SignRule(400, .8, 2);
  const ForecastJob job = JobOf(Small("perceptron", "gmadl",
                                      "optimizer: {epochs: 6}\n"
                                      "candidates: [{settings: {optimizer.learning_rate: 1e-9}},\n"
                                      "             {settings: {optimizer.learning_rate: 0.02}},\n"
                                      "             {settings: {optimizer.learning_rate: 0.02}}]\n"));
  const auto result = RunNumber(job, returns);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->trials.size(), 3u);
  EXPECT_EQ(result->chosen, 1);  // of equals the first
  EXPECT_GT(*result->trials[1].value, *result->trials[0].value);
  EXPECT_EQ(*result->trials[1].value, *result->trials[2].value);
  EXPECT_EQ(result->trials[0].steps, 6 * 4);
  EXPECT_EQ(result->trials[0].parameters, 4 * 16 + 16 + 16 + 1);
  EXPECT_EQ(*result->strategies[0].value, *result->trials[1].value);
  EXPECT_EQ(result->validation.size(), 60u);
  EXPECT_EQ(result->out_of_sample.size(), 50u);
  // The best epoch is what a training of so many epochs ends with, and no other has a better value.
  const int best = *result->trials[1].epoch;
  for (int epoch = 1; epoch <= 6; ++epoch) {
    const ForecastJob last = JobOf(
        Small("perceptron", "gmadl",
              "selection: {epoch: last}\noptimizer: {learning_rate: 0.02, epochs: " + std::to_string(epoch) + "}\n"));
    const auto other = RunNumber(last, returns);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_EQ(*other->trials[0].epoch, epoch);
    EXPECT_LE(*other->trials[0].value, *result->trials[1].value);
    if (epoch < best) {
      EXPECT_LT(*other->trials[0].value, *result->trials[1].value);
    }
    if (epoch != best) continue;
    EXPECT_EQ(other->out_of_sample, result->out_of_sample);
  }
}

TEST(RunWindow, PatienceEndsATraining) {
  const ForecastJob job =
      JobOf(Small("perceptron", "mse", "optimizer: {epochs: 50, learning_rate: 1e-9}\nselection: {patience: 2}\n"));
  const auto result = RunNumber(job, SignRule(400, .8, 2));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_LT(result->trials[0].epochs, 50);
  EXPECT_EQ(result->trials[0].epochs, *result->trials[0].epoch + 2);
}

TEST(RunWindow, CostsHaveTheirOwnThresholds) {
  const std::vector<double> returns = SignRule(400, .3, 3);
  const auto free = RunNumber(JobOf(Small("perceptron", "mse")), returns, 0, {0, .01});
  ASSERT_TRUE(free.ok()) << free.status();
  ASSERT_EQ(free->strategies.size(), 2u);
  EXPECT_GT(free->strategies[0].performance.trades, free->strategies[1].performance.trades);
  EXPECT_EQ(*free->trials[0].value, *free->strategies[0].value);
}

// A price that never moves: no NaN, no trade that is worth anything.
TEST(RunWindow, OfAConstantSeries) {
  for (const char* architecture : kArchitectures) {
    for (const char* loss : kLosses) {
      const auto result = RunNumber(JobOf(Small(architecture, loss)), std::vector<double>(400, 0.));
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->scale, 1);
      EXPECT_FALSE(result->trials[0].value.has_value());
      EXPECT_EQ(result->trials[0].epoch, 1);
      for (const double forecast : result->out_of_sample) EXPECT_TRUE(std::isfinite(forecast));
    }
  }
}

TEST(RunWindow, RefusesWhatItCannotTrainOn) {
  const ForecastJob wide = JobOf(Small("lstm", "mse"), {"model.window=200"});
  EXPECT_THAT(std::string(RunNumber(wide, SignRule(400, .5, 1)).status().message()),
              HasSubstr("walk_forward.in_sample: 200 periods have none with 200 (model.window) others before it"));
  std::vector<double> huge = SignRule(400, .5, 1);
  huge[230] = 1e150;
  const auto result = RunNumber(JobOf(Small("lstm", "mse")), huge);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("of period 230 is more than"));
}

TEST(RunWindow, SaysThatTrainingDiverged) {
  const ForecastJob job = JobOf(Small("perceptron", "mse", "optimizer: {learning_rate: 10, epochs: 400}\n"));
  std::vector<double> returns = SignRule(400, .5, 1);
  for (double& x : returns) x *= 1e-3;
  returns[100] = 1e11;  // its square is beyond a float, once weights have grown
  const auto result = RunNumber(job, returns);
  if (result.ok()) {
    for (const double forecast : result->out_of_sample) EXPECT_TRUE(std::isfinite(forecast));
  } else {
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("diverged"));
  }
}

}  // namespace
}  // namespace vickrey::trainer
