// How the architectures are evaluated on LibTorch; vickrey/model/architecture.h has the same table without it.
#ifndef VICKREY_TORCH_ARCHITECTURE_H_
#define VICKREY_TORCH_ARCHITECTURE_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>

#include "vickrey/model/layout.h"
#include "vickrey/torch/batch_tensors.h"

namespace vickrey::torch {

// How attention is computed: the same function, rounded otherwise.
enum class Attention {
  kComposed,  // of LibTorch's products and softmax, which keeps the weights of every pair of fields for the gradient
  kFused,     // in one pass, which computes them again
};

// One evaluation of a network.
struct Pass {
  const vickrey::storage::v1::ModelSpec& spec;
  const model::Layout& layout;
  const Inputs& inputs;
  const Parameters& parameters;
  double dropout = 0;  // share of the hidden units that are left out, in training
  Attention attention = Attention::kFused;

  const at::Tensor& parameter(const std::string& name) const { return parameters.at(name); }
};

// A layer of a side's inputs, for each auction, and one of the other's, for each candidate: what
//
//   PREFIX.context x_context + PREFIX.ad x_ad
//
// is for each candidate, (candidates, outputs). The product with the context is computed once for an auction.
at::Tensor FirstLayer(const std::string& prefix, const Pass& pass);

// (candidates, units), behind the last ReLU, of the hidden layers as vickrey/model/layers.h names them.
at::Tensor HiddenLayers(const Pass& pass);

struct Architecture {
  std::string_view name;
  // (candidates) logits.
  at::Tensor (*logits)(const Pass& pass);
};

// nullptr for one that is not known.
const Architecture* FindArchitecture(std::string_view name);

extern const Architecture kLogistic;  // logistic.cc
extern const Architecture kMlp;       // mlp.cc
extern const Architecture kDcn;       // dcn.cc
extern const Architecture kTwoTower;  // two_tower.cc
extern const Architecture kAutoint;   // autoint.cc

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_ARCHITECTURE_H_
