// mlp on LibTorch: see vickrey/model/mlp.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

at::Tensor MlpLogits(const Pass& pass) {
  const std::string output = absl::StrCat("layer.", pass.spec.hidden_size());
  return at::addmm(pass.parameter(output + ".bias"), HiddenLayers(pass), pass.parameter(output + ".weight").t())
      .squeeze(1);
}

}  // namespace

const Architecture kMlp = {"mlp", &MlpLogits};

}  // namespace vickrey::torch
