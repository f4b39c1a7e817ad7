#include "vickrey/torch/forecaster.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::torch {
namespace {

using ::testing::HasSubstr;

std::vector<ForecasterSpec> Specs() {
  return {
      {.architecture = "perceptron", .window = 7, .hidden = {16, 8}},
      {.architecture = "lstm", .window = 7, .width = 12, .layers = 2},
      {.architecture = "transformer", .window = 7, .width = 12, .layers = 2, .heads = 3, .feedforward = 24},
  };
}

std::unique_ptr<Forecaster> Make(const ForecasterSpec& spec, uint64_t seed = 1) {
  auto forecaster = Forecaster::Create(spec, seed);
  EXPECT_TRUE(forecaster.ok()) << forecaster.status();
  return *std::move(forecaster);
}

at::Tensor Windows(const ForecasterSpec& spec, int64_t rows, uint64_t seed = 3) {
  base::RandomStream random(seed, base::StreamId("test.windows"), 0);
  const at::Tensor windows = at::zeros({rows, spec.window, spec.channels});
  for (int64_t i = 0; i < windows.numel(); ++i) windows.data_ptr<float>()[i] = static_cast<float>(random.Normal());
  return windows;
}

at::Tensor Sines(int64_t count, double step) {
  const at::Tensor sines = at::zeros({count});
  for (int64_t i = 0; i < count; ++i) {
    sines.data_ptr<float>()[i] = static_cast<float>(std::sin(step * static_cast<double>(i + 1)));
  }
  return sines;
}

// Forecasts and gradients that PyTorch's own modules gave in double (tests/golden/forecasters.py).
TEST(Forecaster, AgreesWithPyTorch) {
  std::ifstream file("tests/golden/forecasters.json");
  const nlohmann::json recorded = nlohmann::json::parse(file);
  ASSERT_EQ(recorded["networks"].size(), 6u);
  for (const auto& network : recorded["networks"]) {
    const ForecasterSpec spec = {
        .architecture = network["architecture"],
        .window = network["window"],
        .channels = network["channels"],
        .hidden = network.value("hidden", std::vector<int64_t>()),
        .width = network.value("width", int64_t{0}),
        .layers = network.value("layers", int64_t{0}),
        .heads = network.value("heads", int64_t{0}),
        .feedforward = network.value("feedforward", int64_t{0}),
    };
    const auto forecaster = Make(spec);
    const int64_t count = forecaster->parameters().numel();
    ASSERT_EQ(count, network["parameters"].get<int64_t>()) << spec.architecture;
    forecaster->parameters().copy_(Sines(count, 1.7) * 0.4);
    const auto expected = network["forecasts"].get<std::vector<double>>();
    const auto rows = static_cast<int64_t>(expected.size());
    const at::Tensor windows = Sines(rows * spec.window * spec.channels, 0.9).view({rows, spec.window, spec.channels});
    const at::Tensor forecasts = forecaster->Train(windows), judged = forecaster->Forecast(windows);
    (forecasts * at::tensor(std::vector<float>{1, -2, 3})).sum().backward();
    for (int64_t i = 0; i < rows; ++i) {
      EXPECT_NEAR(forecasts[i].item<double>(), expected[i], 2e-6) << spec.architecture << " " << i;
      EXPECT_NEAR(judged[i].item<double>(), expected[i], 2e-6) << spec.architecture << " " << i;
    }
    const auto gradient = network["gradient"].get<std::vector<double>>();
    double largest = 0;
    for (const double g : gradient) largest = std::max(largest, std::abs(g));
    EXPECT_GT(largest, 0.01);
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_NEAR(forecaster->gradient().data_ptr<float>()[i], gradient[i], 1e-5 * largest)
          << spec.architecture << " " << i;
    }
  }
}

// One unit, one period, by hand: with weights w and biases 0, c = sigmoid(w_i x) tanh(w_g x), h = sigmoid(w_o x) tanh
// c.
TEST(Forecaster, LstmByHand) {
  const auto forecaster = Make({.architecture = "lstm", .window = 1, .width = 1, .layers = 1});
  forecaster->parameters().zero_();
  const double x = std::log(3.);  // sigmoid 3/4; tanh of it 4/5
  forecaster->by_name().at("layer.0.input.weight").detach().fill_(1);
  forecaster->by_name().at("output.weight").detach().fill_(10);
  forecaster->by_name().at("output.bias").detach().fill_(-2);
  const at::Tensor window = at::full({1, 1, 1}, x, at::kFloat);
  EXPECT_NEAR(forecaster->Forecast(window).item<double>(), 10 * 0.75 * std::tanh(0.6) - 2, 1e-6);
}

TEST(Forecaster, StartIsAFunctionOfTheSeed) {
  for (const ForecasterSpec& spec : Specs()) {
    at::Tensor unrelated = at::zeros({100});
    const auto a = Make(spec, 5);
    unrelated.uniform_();  // LibTorch's own generator is another one
    const auto b = Make(spec, 5), c = Make(spec, 6);
    EXPECT_TRUE(a->parameters().equal(b->parameters()));
    EXPECT_FALSE(a->parameters().equal(c->parameters()));
    EXPECT_NE(Make(spec, uint64_t{1} << 40)->parameters()[0].item<float>(),
              Make(spec, 0)->parameters()[0].item<float>());
    // Within the bounds that the architecture names.
    EXPECT_LT(a->by_name().at("output.bias").abs().max().item<double>(), 0.5);
    EXPECT_GT(a->Forecast(Windows(spec, 5)).std().item<double>(), 1e-6) << spec.architecture;
  }
}

TEST(Forecaster, EveryParameterLearns) {
  for (const ForecasterSpec& spec : Specs()) {
    const auto forecaster = Make(spec);
    forecaster->Train(Windows(spec, 200)).square().sum().backward();
    for (const auto& [name, parameter] : forecaster->by_name()) {
      EXPECT_GT(parameter.grad().abs().sum().item<float>(), 0) << spec.architecture << " " << name;
    }
    // The gradients are views of the flat one, and add up.
    const at::Tensor once = forecaster->gradient().clone();
    EXPECT_GT(once.abs().sum().item<float>(), 0);
    forecaster->Train(Windows(spec, 200)).square().sum().backward();
    EXPECT_TRUE(forecaster->gradient().allclose(2 * once, 1e-5, 1e-5));
  }
}

// Neither a row behind, nor its value, nor whether there is one, changes the bits of a forecast.
TEST(Forecaster, RowsDoNotChangeEachOther) {
  for (const ForecasterSpec& spec : Specs()) {
    const auto forecaster = Make(spec);
    const at::Tensor windows = Windows(spec, 150);
    const at::Tensor all = forecaster->Forecast(windows);
    for (const int64_t cut : {1, 63, 64, 65, 149}) {
      EXPECT_TRUE(forecaster->Forecast(windows.narrow(0, 0, cut)).equal(all.narrow(0, 0, cut))) << spec.architecture;
      at::Tensor spiked = windows.clone();
      spiked.narrow(0, cut, 150 - cut).fill_(1e6);
      EXPECT_TRUE(forecaster->Forecast(spiked).narrow(0, 0, cut).equal(all.narrow(0, 0, cut))) << spec.architecture;
    }
    EXPECT_EQ(forecaster->Forecast(windows.narrow(0, 0, 0)).numel(), 0);
    EXPECT_NEAR((forecaster->Train(windows) - all).abs().max().item<double>(), 0, 1e-5) << spec.architecture;
  }
}

TEST(Forecaster, ReadsEveryPeriodOfTheWindow) {
  for (const ForecasterSpec& spec : Specs()) {
    const auto forecaster = Make(spec);
    const at::Tensor window = Windows(spec, 1);
    const float before = forecaster->Forecast(window).item<float>();
    for (int64_t t = 0; t < spec.window; ++t) {
      const at::Tensor changed = window.clone();
      changed.data_ptr<float>()[t] += 1;
      EXPECT_NE(forecaster->Forecast(changed).item<float>(), before) << spec.architecture << " " << t;
    }
    // The order counts.
    EXPECT_NE(forecaster->Forecast(window.flip(1)).item<float>(), before) << spec.architecture;
  }
}

TEST(Forecaster, ConstantAndExtremeWindowsAreFinite) {
  for (const ForecasterSpec& spec : Specs()) {
    const auto forecaster = Make(spec);
    for (const double value : {0., 1., -1e-30, 1e6, -1e15}) {
      const at::Tensor windows = at::full({3, spec.window, 1}, value, at::kFloat);
      const at::Tensor forecasts = forecaster->Train(windows);
      EXPECT_TRUE(std::isfinite(forecasts.abs().sum().item<double>())) << spec.architecture << " " << value;
      forecaster->gradient().zero_();
      forecasts.tanh().sum().backward();
      EXPECT_TRUE(std::isfinite(forecaster->gradient().abs().sum().item<double>()))
          << spec.architecture << " " << value;
    }
  }
}

TEST(Forecaster, DropoutIsOfTrainingAlone) {
  for (ForecasterSpec spec : Specs()) {
    const at::Tensor windows = Windows(spec, 20);
    const at::Tensor without = Make(spec)->Forecast(windows);
    spec.dropout = 0.5;
    const auto forecaster = Make(spec);
    EXPECT_TRUE(forecaster->Forecast(windows).equal(without)) << spec.architecture;
    EXPECT_FALSE(forecaster->Train(windows).equal(forecaster->Train(windows))) << spec.architecture;
  }
}

std::string Refusal(const ForecasterSpec& spec) {
  const auto forecaster = Forecaster::Create(spec, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(forecaster.status())) << forecaster.status();
  return std::string(forecaster.status().message());
}

TEST(Forecaster, RefusesByField) {
  EXPECT_EQ(Refusal({.architecture = "gru", .window = 3}),
            "architecture: 'gru' is not known; known: perceptron, lstm, transformer");
  EXPECT_THAT(Refusal({.architecture = "perceptron"}), HasSubstr("window: 0 is out of range"));
  EXPECT_THAT(Refusal({.architecture = "perceptron", .window = 3, .hidden = {4, 0}}), HasSubstr("hidden[1]: 0 is out"));
  EXPECT_THAT(Refusal({.architecture = "lstm", .window = 3, .layers = 1}), HasSubstr("width: 0 is out of range"));
  EXPECT_THAT(Refusal({.architecture = "lstm", .window = 3, .width = 2}), HasSubstr("layers: 0 is out of range"));
  EXPECT_THAT(Refusal({.architecture = "lstm", .window = 3, .width = 65536, .layers = 2}),
              HasSubstr("parameters; at most 100000000"));
  ForecasterSpec transformer = Specs()[2];
  transformer.heads = 5;
  EXPECT_EQ(Refusal(transformer), "heads: 5 does not divide width, 12");
  transformer.dropout = 1;
  EXPECT_THAT(Refusal(transformer), HasSubstr("dropout: 1 is out of range"));
  const auto forecaster = Make(Specs()[0]);
  EXPECT_THROW(forecaster->Forecast(at::zeros({2, 6, 1})), c10::Error);
  EXPECT_THROW(forecaster->Train(at::zeros({2, 7, 1}, at::kDouble)), c10::Error);
}

}  // namespace
}  // namespace vickrey::torch
