#ifndef VICKREY_TORCH_BATCH_TENSORS_H_
#define VICKREY_TORCH_BATCH_TENSORS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"

namespace vickrey::torch {

// One side of a batch as tensors.
struct SideTensors {
  at::Tensor dense;  // (rows, SideInputs::dense_width)
  struct Members {
    at::Tensor rows;     // (members), of the arena: row by row, and within it table by table
    at::Tensor offsets;  // (rows x tables), where each bag's members begin; undefined where there are no bags
  };
  std::vector<Members> arenas;
};

// A batch as tensors on a device. On the CPU some borrow the batch, which must outlive them and stay as it is.
struct BatchTensors {
  BatchTensors(const model::Layout& layout, const model::Batch& batch, const at::Device& device);

  SideTensors context, ads;
  at::Tensor auction_of;  // (candidates), the auction of each
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_BATCH_TENSORS_H_
