#include "vickrey/torch/batch_tensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <utility>
#include <vector>

namespace vickrey::torch {
namespace {

// The tables' rows, (rows x tables), as rows of the arena.
at::Tensor Singles(const model::Arena& arena, const model::SideRows& rows, int64_t singles) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  at::Tensor members = at::empty({rows.rows * tables}, at::kLong);
  int64_t* to = members.data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.rows; ++i) {
    const int32_t* const buckets = rows.buckets.data() + i * singles + arena.first;
    for (int64_t t = 0; t < tables; ++t) *to++ = arena.tables[t].first_row + buckets[t];
  }
  return members;
}

SideTensors::Members Bags(const model::Arena& arena, const model::SideRows& rows, int64_t bags) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  std::vector<int64_t> members;
  at::Tensor offsets = at::empty({rows.rows * tables}, at::kLong);
  int64_t* offset = offsets.data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.rows; ++i) {
    for (int64_t t = 0; t < tables; ++t) {
      *offset++ = static_cast<int64_t>(members.size());
      const int64_t bag = i * bags + arena.first + t;
      for (int64_t m = rows.bag_offsets[bag]; m < rows.bag_offsets[bag + 1]; ++m) {
        members.push_back(arena.tables[t].first_row + rows.bag_buckets[m]);
      }
    }
  }
  return {at::from_blob(members.data(), {static_cast<int64_t>(members.size())}, at::kLong).clone(), offsets};
}

SideTensors TensorsOf(const model::SideInputs& inputs, const model::SideRows& rows, const at::Device& device) {
  SideTensors side{
      .dense = at::from_blob(const_cast<float*>(rows.dense.data()), {rows.rows, inputs.dense_width()}).to(device)};
  for (const model::Arena& arena : inputs.arenas) {
    SideTensors::Members members = arena.bags ? Bags(arena, rows, inputs.bags)
                                              : SideTensors::Members{.rows = Singles(arena, rows, inputs.singles)};
    members.rows = members.rows.to(device);
    if (arena.bags) members.offsets = members.offsets.to(device);
    side.arenas.push_back(std::move(members));
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
