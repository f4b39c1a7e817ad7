#ifndef VICKREY_TORCH_BATCH_TENSORS_H_
#define VICKREY_TORCH_BATCH_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"

namespace vickrey::torch {

// Every tensor of a layout by its name, but those of tables, which are one parameter for each arena.
using Parameters = std::map<std::string, at::Tensor>;

// Which rows of an arena one side of a batch reads, and where they go.
struct Lookup {
  const model::Arena* arena = nullptr;
  int64_t column = 0;  // of the side's inputs where the arena's begin
  at::Tensor members;  // (members), int64, rows of the arena: row by row, and within it table by table
  at::Tensor offsets;  // of bags: (rows x tables + 1), where each bag's members begin; else undefined
};

// One side of a batch as tensors.
struct SideTensors {
  at::Tensor dense;  // (rows, SideInputs::dense_width)
  std::vector<Lookup> lookups;
};

// A batch as tensors on a device. On the CPU some borrow the batch, and lookups the layout: both must outlive them and
// stay as they are.
struct BatchTensors {
  BatchTensors(const model::Layout& layout, const model::Batch& batch, const at::Device& device);

  SideTensors context, ads;
  at::Tensor auction_of;  // (candidates), the auction of each
};

// What an architecture reads: dense inputs, then the rows of every table, one beside the other.
struct Inputs {
  at::Tensor context;     // (auctions, width of the side)
  at::Tensor ads;         // (candidates, width of the side)
  at::Tensor auction_of;  // (candidates)
};

// Looks the tables up, without autograd's knowledge.
Inputs LookUp(const model::Layout& layout, const BatchTensors& batch, const Parameters& tables);

// (members, width): what the objective's gradient is by each row that was looked up, given that by the side's inputs.
at::Tensor GradientOf(const Lookup& lookup, const at::Tensor& inputs_gradient);

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_BATCH_TENSORS_H_
