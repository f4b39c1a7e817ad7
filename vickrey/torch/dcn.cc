// dcn on LibTorch: see vickrey/model/dcn.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

at::Tensor Logits(const vickrey::storage::v1::ModelSpec& spec, const model::Layout& layout, const BatchTensors& batch,
                  const Parameters& parameters) {
  const at::Tensor context = Inputs(layout.context, batch.context, parameters);
  const at::Tensor ads = Inputs(layout.ad, batch.ads, parameters);
  // The elementwise product needs the context beside each candidate, unlike the products with matrices.
  const at::Tensor x0 = at::cat({at::index_select(context, 0, batch.auction_of), ads}, 1);
  at::Tensor x = x0;
  for (int l = 0; l < spec.cross_layers(); ++l) {
    const std::string layer = absl::StrCat("cross.", l);
    const at::Tensor& bias = parameters.at(layer + ".bias");
    const std::string matrix = spec.cross_rank() > 0 ? layer + ".down" : layer;
    at::Tensor gate = l == 0 ? FirstLayer(matrix, context, ads, batch.auction_of, parameters)
                             : at::mm(x, parameters.at(matrix + ".weight").t());
    gate = spec.cross_rank() > 0 ? at::addmm(bias, gate, parameters.at(layer + ".up.weight").t()) : gate + bias;
    x = at::addcmul(x, x0, gate);
  }
  at::Tensor logits = at::mv(x, parameters.at("output.cross")) + parameters.at("output.bias");
  if (spec.hidden().empty()) return logits;
  const at::Tensor h = HiddenLayers(context, ads, batch.auction_of, spec.hidden_size(), parameters);
  return logits + at::mv(h, parameters.at("output.deep"));
}

}  // namespace

const Architecture kDcn = {"dcn", &Logits};

}  // namespace vickrey::torch
