#include "vickrey/torch/architecture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding_bag.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace vickrey::torch {
namespace {

constexpr const Architecture* kArchitectures[] = {&kLogistic, &kMlp, &kDcn, &kTwoTower};
constexpr int64_t kMean = 1;  // embedding_bag's mode

std::vector<at::Tensor> RowsOfArenas(const model::SideInputs& inputs, const SideTensors& side,
                                     const Parameters& parameters) {
  std::vector<at::Tensor> rows;
  for (size_t a = 0; a < inputs.arenas.size(); ++a) {
    const model::Arena& arena = inputs.arenas[a];
    const SideTensors::Members& members = side.arenas[a];
    const at::Tensor& values = parameters.at(arena.parameter);
    const at::Tensor found = arena.bags ? std::get<0>(at::embedding_bag(values, members.rows, members.offsets,
                                                                        /*scale_grad_by_freq=*/false, kMean))
                                        : at::index_select(values, 0, members.rows);
    rows.push_back(found.view({side.dense.size(0), arena.columns()}));
  }
  return rows;
}

}  // namespace

at::Tensor TableRows(const model::SideInputs& inputs, const SideTensors& side, const Parameters& parameters) {
  const std::vector<at::Tensor> rows = RowsOfArenas(inputs, side, parameters);
  return rows.empty() ? at::Tensor() : rows.size() == 1 ? rows[0] : at::cat(rows, 1);
}

at::Tensor Inputs(const model::SideInputs& inputs, const SideTensors& side, const Parameters& parameters) {
  std::vector<at::Tensor> all = RowsOfArenas(inputs, side, parameters);
  if (all.empty()) return side.dense;
  all.insert(all.begin(), side.dense);
  return at::cat(all, 1);
}

at::Tensor FirstLayer(const std::string& prefix, const at::Tensor& context, const at::Tensor& ads,
                      const at::Tensor& auction_of, const Parameters& parameters) {
  const at::Tensor shared = at::mm(context, parameters.at(prefix + ".context").t());
  return at::index_select(shared, 0, auction_of) + at::mm(ads, parameters.at(prefix + ".ad").t());
}

at::Tensor HiddenLayers(const at::Tensor& context, const at::Tensor& ads, const at::Tensor& auction_of, int64_t layers,
                        const Parameters& parameters) {
  at::Tensor x = at::relu(FirstLayer("layer.0", context, ads, auction_of, parameters) + parameters.at("layer.0.bias"));
  for (int64_t l = 1; l < layers; ++l) {
    x = at::relu(at::addmm(parameters.at(absl::StrCat("layer.", l, ".bias")), x,
                           parameters.at(absl::StrCat("layer.", l, ".weight")).t()));
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
