// logistic on LibTorch: see vickrey/model/logistic.cc for the formula.
#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mv.h>

#include "vickrey/torch/architecture.h"

namespace vickrey::torch {
namespace {

// (rows): dense inputs by their weights, and the one weight of each table's row.
at::Tensor Sum(const model::SideInputs& side, const at::Tensor& inputs, const at::Tensor& weight) {
  const int64_t dense = side.dense_width(), tables = inputs.size(1) - dense;
  const at::Tensor sum = at::mv(inputs.narrow(1, 0, dense), weight);
  return tables == 0 ? sum : sum + inputs.narrow(1, dense, tables).sum(1);
}

at::Tensor LogisticLogits(const Pass& pass) {
  const at::Tensor shared = Sum(pass.layout.context, pass.inputs.context, pass.parameter("context.weight"));
  const at::Tensor own = Sum(pass.layout.ad, pass.inputs.ads, pass.parameter("ad.weight"));
  return at::index_select(shared, 0, pass.inputs.auction_of) + own + pass.parameter("bias");
}

}  // namespace

const Architecture kLogistic = {"logistic", &LogisticLogits};

}  // namespace vickrey::torch
