// autoint on LibTorch: see vickrey/model/autoint.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

// (rows, fields, width) of one side.
at::Tensor Fields(const model::SideInputs& side, const at::Tensor& inputs, const std::string& name, const Pass& pass) {
  const int64_t width = pass.spec.field_width(), dense = static_cast<int64_t>(side.dense.size());
  const at::Tensor tables =
      inputs.narrow(1, 2 * dense, inputs.size(1) - 2 * dense).unflatten(1, {side.singles + side.bags, width});
  if (dense == 0) return tables;
  // A number and whether it is missing, of which one is 0.
  const at::Tensor numbers = inputs.narrow(1, 0, 2 * dense).unflatten(1, {dense, 2}).unsqueeze(-1);
  const at::Tensor vectors = pass.parameter(name).unflatten(0, {dense, 2});
  return at::cat({(numbers * vectors).sum(2), tables}, 1);
}

// (candidates, fields, heads x width of one) -> (candidates, heads, fields, width of one).
at::Tensor Split(const at::Tensor& x, const Pass& pass) {
  return x.unflatten(2, {pass.spec.attention_heads(), pass.spec.attention_width()}).transpose(1, 2);
}

// What each field takes from all of them; tensors as of Split.
at::Tensor Mixed(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, Attention attention) {
  if (attention == Attention::kComposed) {
    return at::matmul(at::softmax(at::matmul(query, key.transpose(2, 3)), -1), value);
  }
  return at::scaled_dot_product_attention(query, key, value, /*attn_mask=*/{}, /*dropout_p=*/0, /*is_causal=*/false,
                                          /*scale=*/1);
}

// (candidates, fields, heads x width of one).
at::Tensor Layer(const std::string& prefix, const at::Tensor& x, const Pass& pass) {
  const at::Tensor weights = at::cat({pass.parameter(prefix + ".query"), pass.parameter(prefix + ".key"),
                                      pass.parameter(prefix + ".value"), pass.parameter(prefix + ".residual")});
  const std::vector<at::Tensor> projected = at::linear(x, weights).chunk(4, -1);
  const at::Tensor mixed =
      Mixed(Split(projected[0], pass), Split(projected[1], pass), Split(projected[2], pass), pass.attention);
  return at::relu(mixed.transpose(1, 2).flatten(2) + projected[3]);
}

at::Tensor AutoIntLogits(const Pass& pass) {
  const at::Tensor context = Fields(pass.layout.context, pass.inputs.context, "context.dense", pass);
  at::Tensor x = at::cat(
      {at::index_select(context, 0, pass.inputs.auction_of), Fields(pass.layout.ad, pass.inputs.ads, "ad.dense", pass)},
      1);
  for (int l = 0; l < pass.spec.attention_layers(); ++l) x = Layer(absl::StrCat("attention.", l), x, pass);
  const at::Tensor logits = at::mv(x.flatten(1), pass.parameter("output.attention")) + pass.parameter("output.bias");
  return pass.spec.hidden().empty() ? logits : logits + at::mv(HiddenLayers(pass), pass.parameter("output.deep"));
}

}  // namespace

const Architecture kAutoint = {"autoint", &AutoIntLogits};

}  // namespace vickrey::torch
