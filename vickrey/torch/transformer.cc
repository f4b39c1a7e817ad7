// transformer: a small encoder over the window (Vaswani et al., "Attention is all you need", 2017) with learned
// positions and layer norms before each branch (Xiong et al., "On layer normalization in the transformer architecture",
// 2020), read out at the last position:
//
//   x = input(window) + positions
//   x = x + attention(norm_1(x)),  x = x + down(relu(up(norm_2(x))))      in each layer
//   forecast = output(norm(x at the last position))
//
// as PyTorch's nn.TransformerEncoder with norm_first does. Of the last layer nothing but the last position is ever
// read, so nothing else is computed: its queries are of that position alone, keys and values of all.
#include <ATen/TensorOperators.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/forecaster.h"

namespace vickrey::torch {
namespace {

constexpr double kPositionSpread = 0.02;

absl::Status Check(const ForecasterSpec& spec) {
  RETURN_IF_ERROR(CheckForecasterSize("width", spec.width));
  RETURN_IF_ERROR(CheckForecasterSize("layers", spec.layers));
  RETURN_IF_ERROR(CheckForecasterSize("feedforward", spec.feedforward));
  RETURN_IF_ERROR(CheckForecasterSize("heads", spec.heads));
  if (spec.width % spec.heads == 0) return absl::OkStatus();
  return base::InvalidField("heads", absl::StrCat(spec.heads, " does not divide width, ", spec.width));
}

void AddNorm(const std::string& name, int64_t width, std::vector<ForecasterParameter>* parameters) {
  parameters->push_back({.name = name + ".weight", .shape = {width}, .start = 1});
  parameters->push_back({.name = name + ".bias", .shape = {width}});
}

std::vector<ForecasterParameter> Parameters(const ForecasterSpec& spec) {
  const int64_t d = spec.width;
  std::vector<ForecasterParameter> parameters;
  AddLinear("input", spec.channels, d, &parameters);
  parameters.push_back({.name = "positions", .shape = {spec.window, d}, .spread = kPositionSpread});
  for (int64_t l = 0; l < spec.layers; ++l) {
    const std::string layer = absl::StrCat("layer.", l);
    AddNorm(layer + ".norm_1", d, &parameters);
    // Queries, keys and values in one; uniform as Glorot has it, biases 0.
    parameters.push_back({.name = layer + ".attention.weight",
                          .shape = {3 * d, d},
                          .spread = std::sqrt(6 / (4 * static_cast<double>(d)))});
    parameters.push_back({.name = layer + ".attention.bias", .shape = {3 * d}});
    AddLinear(layer + ".mix", d, d, &parameters);
    AddNorm(layer + ".norm_2", d, &parameters);
    AddLinear(layer + ".up", d, spec.feedforward, &parameters);
    AddLinear(layer + ".down", spec.feedforward, d, &parameters);
  }
  AddNorm("norm", d, &parameters);
  AddLinear("output", d, 1, &parameters);
  return parameters;
}

at::Tensor Norm(const ForecastPass& pass, const std::string& name, const at::Tensor& x) {
  return at::layer_norm(x, {pass.spec.width}, pass.parameter(name + ".weight"), pass.parameter(name + ".bias"));
}

// (batch, positions, width) -> (batch, heads, positions, width of a head).
at::Tensor Split(const ForecastPass& pass, const at::Tensor& x) {
  const int64_t heads = pass.spec.heads;
  return x.view({x.size(0), x.size(1), heads, pass.spec.width / heads}).transpose(1, 2);
}

// Of the positions of `read`, which are the last ones of `all`; both are behind their norm.
at::Tensor Attention(const ForecastPass& pass, const std::string& layer, const at::Tensor& read,
                     const at::Tensor& all) {
  const int64_t d = pass.spec.width;
  const at::Tensor& weight = pass.parameter(layer + ".attention.weight");
  const at::Tensor& bias = pass.parameter(layer + ".attention.bias");
  const at::Tensor queries = at::linear(read, weight.narrow(0, 0, d), bias.narrow(0, 0, d));
  const std::vector<at::Tensor> others =
      at::linear(all, weight.narrow(0, d, 2 * d), bias.narrow(0, d, 2 * d)).chunk(2, -1);
  const at::Tensor mixed = at::scaled_dot_product_attention(Split(pass, queries), Split(pass, others[0]),
                                                            Split(pass, others[1]), /*attn_mask=*/{}, pass.dropout);
  return Linear(pass, layer + ".mix", mixed.transpose(1, 2).flatten(2));
}

at::Tensor Forecast(const ForecastPass& pass) {
  const ForecasterSpec& spec = pass.spec;
  at::Tensor x = Linear(pass, "input", pass.windows) + pass.parameter("positions");
  for (int64_t l = 0; l < spec.layers; ++l) {
    const std::string layer = absl::StrCat("layer.", l);
    const at::Tensor all = Norm(pass, layer + ".norm_1", x);
    at::Tensor read = all;
    if (l == spec.layers - 1) {
      read = all.narrow(1, spec.window - 1, 1);
      x = x.narrow(1, spec.window - 1, 1);
    }
    x = x + Drop(pass, Attention(pass, layer, read, all));
    const at::Tensor up = at::relu(Linear(pass, layer + ".up", Norm(pass, layer + ".norm_2", x)));
    x = x + Drop(pass, Linear(pass, layer + ".down", Drop(pass, up)));
  }
  return Linear(pass, "output", Norm(pass, "norm", x.select(1, 0))).squeeze(1);
}

}  // namespace

const ForecasterArchitecture kTransformer = {"transformer", &Check, &Parameters, &Forecast};

}  // namespace vickrey::torch
