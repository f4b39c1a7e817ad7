// perceptron: the window as one row of numbers, hidden layers with ReLU, one output.
#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/forecaster.h"

namespace vickrey::torch {
namespace {

absl::Status Check(const ForecasterSpec& spec) {
  for (size_t l = 0; l < spec.hidden.size(); ++l) {
    RETURN_IF_ERROR(CheckForecasterSize(absl::StrCat("hidden[", l, "]"), spec.hidden[l]));
  }
  return absl::OkStatus();
}

std::vector<ForecasterParameter> Parameters(const ForecasterSpec& spec) {
  std::vector<ForecasterParameter> parameters;
  int64_t inputs = spec.window * spec.channels;
  for (size_t l = 0; l < spec.hidden.size(); ++l) {
    AddLinear(absl::StrCat("layer.", l), inputs, spec.hidden[l], &parameters);
    inputs = spec.hidden[l];
  }
  AddLinear("output", inputs, 1, &parameters);
  return parameters;
}

at::Tensor Forecast(const ForecastPass& pass) {
  at::Tensor x = pass.windows.flatten(1);
  for (size_t l = 0; l < pass.spec.hidden.size(); ++l) {
    x = Drop(pass, at::relu(Linear(pass, absl::StrCat("layer.", l), x)));
  }
  return Linear(pass, "output", x).squeeze(1);
}

}  // namespace

const ForecasterArchitecture kPerceptron = {"perceptron", &Check, &Parameters, &Forecast};

}  // namespace vickrey::torch
