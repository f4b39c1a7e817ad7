// lstm: layers of long short-term memory over the window (Hochreiter and Schmidhuber, "Long short-term memory", 1997;
// with forget gates, Gers et al. 2000), the state behind the last period read out by one linear layer. Equations, the
// order of the gates in a weight (input, forget, cell, output) and the start are those of PyTorch's nn.LSTM.
#include <ATen/TensorOperators.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/forecaster.h"

namespace vickrey::torch {
namespace {

constexpr int64_t kGates = 4;
constexpr const char* kTensors[] = {"input.weight", "state.weight", "input.bias", "state.bias"};  // at::lstm's order

std::string NameOf(int64_t layer, const char* tensor) { return absl::StrCat("layer.", layer, ".", tensor); }

absl::Status Check(const ForecasterSpec& spec) {
  RETURN_IF_ERROR(CheckForecasterSize("width", spec.width));
  return CheckForecasterSize("layers", spec.layers);
}

std::vector<ForecasterParameter> Parameters(const ForecasterSpec& spec) {
  std::vector<ForecasterParameter> parameters;
  const double spread = 1 / std::sqrt(static_cast<double>(spec.width));
  for (int64_t l = 0; l < spec.layers; ++l) {
    const int64_t gates = kGates * spec.width;
    const std::vector<int64_t> shapes[] = {
        {gates, l == 0 ? spec.channels : spec.width}, {gates, spec.width}, {gates}, {gates}};
    for (size_t i = 0; i < std::size(kTensors); ++i) {
      parameters.push_back({.name = NameOf(l, kTensors[i]), .shape = shapes[i], .spread = spread});
    }
  }
  AddLinear("output", spec.width, 1, &parameters);
  return parameters;
}

at::Tensor Forecast(const ForecastPass& pass) {
  const ForecasterSpec& spec = pass.spec;
  std::vector<at::Tensor> parameters;
  for (int64_t l = 0; l < spec.layers; ++l) {
    for (const char* tensor : kTensors) parameters.push_back(pass.parameter(NameOf(l, tensor)));
  }
  const at::Tensor zeros = at::zeros({spec.layers, pass.windows.size(0), spec.width});
  const at::Tensor states =
      std::get<0>(at::lstm(pass.windows, {zeros, zeros}, parameters, /*has_biases=*/true, spec.layers, pass.dropout,
                           /*train=*/pass.dropout > 0, /*bidirectional=*/false, /*batch_first=*/true));
  return Linear(pass, "output", Drop(pass, states.select(1, spec.window - 1))).squeeze(1);
}

}  // namespace

const ForecasterArchitecture kLstm = {"lstm", &Check, &Parameters, &Forecast};

}  // namespace vickrey::torch
