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

at::Tensor DcnLogits(const Pass& pass) {
  const vickrey::storage::v1::ModelSpec& spec = pass.spec;
  // The elementwise product needs the context beside each candidate, unlike the products with matrices.
  const at::Tensor x0 =
      pass.inputs.context.size(1) == 0
          ? pass.inputs.ads
          : at::cat({at::index_select(pass.inputs.context, 0, pass.inputs.auction_of), pass.inputs.ads}, 1);
  at::Tensor x = x0;
  for (int l = 0; l < spec.cross_layers(); ++l) {
    const std::string layer = absl::StrCat("cross.", l);
    const at::Tensor& bias = pass.parameter(layer + ".bias");
    const std::string matrix = spec.cross_rank() > 0 ? layer + ".down" : layer;
    at::Tensor gate = l == 0 ? FirstLayer(matrix, pass) : at::mm(x, pass.parameter(matrix + ".weight").t());
    gate = spec.cross_rank() > 0 ? at::addmm(bias, gate, pass.parameter(layer + ".up.weight").t()) : gate + bias;
    x = at::addcmul(x, x0, gate);
  }
  const at::Tensor logits = at::mv(x, pass.parameter("output.cross")) + pass.parameter("output.bias");
  return spec.hidden().empty() ? logits : logits + at::mv(HiddenLayers(pass), pass.parameter("output.deep"));
}

}  // namespace

const Architecture kDcn = {"dcn", &DcnLogits};

}  // namespace vickrey::torch
