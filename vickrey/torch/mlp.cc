// mlp on LibTorch: see vickrey/model/mlp.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

at::Tensor Logits(const vickrey::storage::v1::ModelSpec& spec, const model::Layout& layout, const BatchTensors& batch,
                  const Parameters& parameters) {
  const int layers = spec.hidden_size();
  const at::Tensor h = HiddenLayers(Inputs(layout.context, batch.context, parameters),
                                    Inputs(layout.ad, batch.ads, parameters), batch.auction_of, layers, parameters);
  const std::string output = absl::StrCat("layer.", layers);
  return at::addmm(parameters.at(output + ".bias"), h, parameters.at(output + ".weight").t()).squeeze(1);
}

}  // namespace

const Architecture kMlp = {"mlp", &Logits};

}  // namespace vickrey::torch
