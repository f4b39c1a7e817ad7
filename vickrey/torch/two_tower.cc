// two_tower on LibTorch: see vickrey/model/two_tower.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/index_select.h>

#include <string>

#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

// (rows, width)
at::Tensor Tower(const model::SideInputs& side, const at::Tensor& inputs, const std::string& name, const Pass& pass) {
  const int64_t dense = side.dense_width(), tables = inputs.size(1) - dense;
  const at::Tensor out =
      at::addmm(pass.parameter(name + ".bias"), inputs.narrow(1, 0, dense), pass.parameter(name + ".weight").t());
  if (tables == 0) return out;
  const at::Tensor rows = inputs.narrow(1, dense, tables);  // of all tables, side by side
  return out + rows.unflatten(1, {tables / out.size(1), out.size(1)}).sum(1);
}

at::Tensor TwoTowerLogits(const Pass& pass) {
  const at::Tensor context = Tower(pass.layout.context, pass.inputs.context, "context", pass);
  const at::Tensor ad = Tower(pass.layout.ad, pass.inputs.ads, "ad", pass);
  return (at::index_select(context, 0, pass.inputs.auction_of) * ad).sum(1) + pass.parameter("bias");
}

}  // namespace

const Architecture kTwoTower = {"two_tower", &TwoTowerLogits};

}  // namespace vickrey::torch
