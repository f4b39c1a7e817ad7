#include "vickrey/torch/batch_tensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

namespace vickrey::torch {
namespace {

template <typename T>
at::Tensor Borrow(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type, const at::Device& device) {
  return at::from_blob(const_cast<T*>(values.data()), shape, type).to(device);
}

SideTensors TensorsOf(const model::SideInputs& inputs, const model::SideRows& rows, const at::Device& device) {
  SideTensors side{.dense = Borrow(rows.dense, {rows.rows, inputs.dense_width()}, at::kFloat, device)};
  for (size_t a = 0; a < inputs.arenas.size(); ++a) {
    const model::SideRows::Members& members = rows.arenas[a];
    SideTensors::Members& tensors = side.arenas.emplace_back();
    tensors.rows = Borrow(members.rows, {static_cast<int64_t>(members.rows.size())}, at::kLong, device);
    if (!inputs.arenas[a].bags) continue;
    tensors.offsets = Borrow(members.offsets, {static_cast<int64_t>(members.offsets.size()) - 1}, at::kLong, device);
  }
  return side;
}

at::Tensor AuctionOf(const model::Batch& batch, const at::Device& device) {
  at::Tensor auction_of = at::empty({batch.candidates()}, at::kLong);
  int64_t* of = auction_of.data_ptr<int64_t>();
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) of[i] = a;
  }
  return auction_of.to(device);
}

}  // namespace

BatchTensors::BatchTensors(const model::Layout& layout, const model::Batch& batch, const at::Device& device)
    : context(TensorsOf(layout.context, batch.context, device)),
      ads(TensorsOf(layout.ad, batch.ads, device)),
      auction_of(AuctionOf(batch, device)) {}

}  // namespace vickrey::torch
