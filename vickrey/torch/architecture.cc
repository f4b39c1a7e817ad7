#include "vickrey/torch/architecture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>

#include "absl/strings/str_cat.h"

namespace vickrey::torch {
namespace {

constexpr const Architecture* kArchitectures[] = {&kLogistic, &kMlp, &kDcn, &kTwoTower, &kAutoint};

}  // namespace

at::Tensor FirstLayer(const std::string& prefix, const Pass& pass) {
  const at::Tensor own = at::mm(pass.inputs.ads, pass.parameter(prefix + ".ad").t());
  if (pass.inputs.context.size(1) == 0) return own;
  const at::Tensor shared = at::mm(pass.inputs.context, pass.parameter(prefix + ".context").t());
  return at::index_select(shared, 0, pass.inputs.auction_of) + own;
}

at::Tensor HiddenLayers(const Pass& pass) {
  const auto behind = [&](const at::Tensor& x) {
    const at::Tensor active = at::relu(x);
    return pass.dropout > 0 ? at::dropout(active, pass.dropout, /*train=*/true) : active;
  };
  at::Tensor x = behind(FirstLayer("layer.0", pass) + pass.parameter("layer.0.bias"));
  for (int l = 1; l < pass.spec.hidden_size(); ++l) {
    x = behind(at::addmm(pass.parameter(absl::StrCat("layer.", l, ".bias")), x,
                         pass.parameter(absl::StrCat("layer.", l, ".weight")).t()));
  }
  return x;
}

const Architecture* FindArchitecture(std::string_view name) {
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->name == name) return architecture;
  }
  return nullptr;
}

}  // namespace vickrey::torch
