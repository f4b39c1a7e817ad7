// logistic on LibTorch: see vickrey/model/logistic.cc for the formula.
#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mv.h>

#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

// (rows)
at::Tensor Sum(const model::SideInputs& inputs, const SideTensors& side, const at::Tensor& weight,
               const Parameters& parameters) {
  const at::Tensor sum = at::mv(side.dense, weight);
  return inputs.arenas.empty() ? sum : sum + TableRows(inputs, side, parameters).sum(1);
}

at::Tensor Logits(const vickrey::storage::v1::ModelSpec&, const model::Layout& layout, const BatchTensors& batch,
                  const Parameters& parameters) {
  const at::Tensor shared = Sum(layout.context, batch.context, parameters.at("context.weight"), parameters);
  const at::Tensor own = Sum(layout.ad, batch.ads, parameters.at("ad.weight"), parameters);
  return at::index_select(shared, 0, batch.auction_of) + own + parameters.at("bias");
}

}  // namespace

const Architecture kLogistic = {"logistic", &Logits};

}  // namespace vickrey::torch
