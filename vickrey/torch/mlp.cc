// mlp on LibTorch: see vickrey/model/mlp.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/torch/network.h"

namespace vickrey::torch {
namespace {

// A side's part of the first layer: (rows, hidden).
at::Tensor FirstLayer(const model::SideInputs& inputs, const SideTensors& side, const at::Tensor& weight,
                      const Parameters& parameters) {
  const at::Tensor input =
      inputs.tables.empty() ? side.dense : at::cat({side.dense, TableRows(inputs, side, parameters)}, 1);
  return at::mm(input, weight.t());
}

at::Tensor Logits(const model::Layout& layout, const BatchTensors& batch, const Parameters& parameters) {
  const at::Tensor shared = FirstLayer(layout.context, batch.context, parameters.at("layer.0.context"), parameters);
  const at::Tensor own = FirstLayer(layout.ad, batch.ads, parameters.at("layer.0.ad"), parameters);
  at::Tensor x = at::index_select(shared, 0, batch.auction_of) + own + parameters.at("layer.0.bias");
  for (int l = 1; parameters.contains(absl::StrCat("layer.", l, ".weight")); ++l) {
    x = at::addmm(parameters.at(absl::StrCat("layer.", l, ".bias")), at::relu(x),
                  parameters.at(absl::StrCat("layer.", l, ".weight")).t());
  }
  return x.squeeze(1);
}

}  // namespace

const Architecture kMlp = {"mlp", &Logits};

}  // namespace vickrey::torch
