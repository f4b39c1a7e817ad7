// How the architectures are evaluated on LibTorch; vickrey/model/architecture.h has the same table without it.
#ifndef VICKREY_TORCH_ARCHITECTURE_H_
#define VICKREY_TORCH_ARCHITECTURE_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

#include "vickrey/model/layout.h"
#include "vickrey/torch/batch_tensors.h"

namespace vickrey::torch {

// Every tensor of a layout by its name, but those of tables, which are one parameter for each arena.
using Parameters = std::map<std::string, at::Tensor>;

// The rows of every table, one beside the other: (rows, sum of widths). Undefined where the side has no tables.
at::Tensor TableRows(const model::SideInputs& inputs, const SideTensors& side, const Parameters& parameters);
// Dense inputs and the rows of every table: (rows, SideInputs::width).
at::Tensor Inputs(const model::SideInputs& inputs, const SideTensors& side, const Parameters& parameters);

// A layer of a side's inputs, for each auction, and one of the other's, for each candidate: what
//
//   PREFIX.context x_context + PREFIX.ad x_ad
//
// is for each candidate, (candidates, outputs). The product with the context is computed once for an auction.
at::Tensor FirstLayer(const std::string& prefix, const at::Tensor& context, const at::Tensor& ads,
                      const at::Tensor& auction_of, const Parameters& parameters);

// (candidates, units), behind the last ReLU, of the hidden layers as vickrey/model/layers.h names them.
at::Tensor HiddenLayers(const at::Tensor& context, const at::Tensor& ads, const at::Tensor& auction_of, int64_t layers,
                        const Parameters& parameters);

struct Architecture {
  std::string_view name;
  // (candidates) logits.
  at::Tensor (*logits)(const vickrey::storage::v1::ModelSpec& spec, const model::Layout& layout,
                       const BatchTensors& batch, const Parameters& parameters);
};

// nullptr for one that is not known.
const Architecture* FindArchitecture(std::string_view name);

extern const Architecture kLogistic;  // logistic.cc
extern const Architecture kMlp;       // mlp.cc
extern const Architecture kDcn;       // dcn.cc
extern const Architecture kTwoTower;  // two_tower.cc

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_ARCHITECTURE_H_
