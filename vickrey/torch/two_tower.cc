// two_tower on LibTorch: see vickrey/model/two_tower.cc for the network.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/index_select.h>

#include <string>

#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

// (rows, width)
at::Tensor Tower(const model::SideInputs& inputs, const SideTensors& side, const std::string& name,
                 const Parameters& parameters) {
  at::Tensor out = at::addmm(parameters.at(name + ".bias"), side.dense, parameters.at(name + ".weight").t());
  if (inputs.arenas.empty()) return out;
  const at::Tensor rows = TableRows(inputs, side, parameters);  // of all tables, side by side
  return out + rows.view({rows.size(0), rows.size(1) / out.size(1), out.size(1)}).sum(1);
}

at::Tensor Logits(const vickrey::storage::v1::ModelSpec&, const model::Layout& layout, const BatchTensors& batch,
                  const Parameters& parameters) {
  const at::Tensor context = Tower(layout.context, batch.context, "context", parameters);
  const at::Tensor ad = Tower(layout.ad, batch.ads, "ad", parameters);
  return (at::index_select(context, 0, batch.auction_of) * ad).sum(1) + parameters.at("bias");
}

}  // namespace

const Architecture kTwoTower = {"two_tower", &Logits};

}  // namespace vickrey::torch
