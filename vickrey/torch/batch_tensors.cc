#include "vickrey/torch/batch_tensors.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding_bag.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/repeat_interleave.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace vickrey::torch {
namespace {

constexpr int64_t kMean = 1;            // embedding_bag's mode
constexpr int64_t kRowsOfATask = 256;   // enough work to hand to a thread
constexpr int64_t kMembersAhead = 16;   // that are fetched from memory before they are read
constexpr int64_t kFloatsOfALine = 16;  // of the cache

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

std::pair<at::Tensor, at::Tensor> Bags(const model::Arena& arena, const model::SideRows& rows, int64_t bags) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  std::vector<int64_t> members;
  at::Tensor offsets = at::empty({rows.rows * tables + 1}, at::kLong);
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
  *offset = static_cast<int64_t>(members.size());
  return {at::from_blob(members.data(), {static_cast<int64_t>(members.size())}, at::kLong).clone(), offsets};
}

SideTensors TensorsOf(const model::SideInputs& inputs, const model::SideRows& rows, const at::Device& device) {
  SideTensors side{
      .dense = at::from_blob(const_cast<float*>(rows.dense.data()), {rows.rows, inputs.dense_width()}).to(device)};
  int64_t column = inputs.dense_width();
  for (const model::Arena& arena : inputs.arenas) {
    Lookup lookup = {.arena = &arena, .column = column};
    column += arena.columns();
    if (arena.bags) {
      std::tie(lookup.members, lookup.offsets) = Bags(arena, rows, inputs.bags);
      lookup.offsets = lookup.offsets.to(device);
    } else {
      lookup.members = Singles(arena, rows, inputs.singles);
    }
    lookup.members = lookup.members.to(device);
    side.lookups.push_back(std::move(lookup));
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

// Rows of a large table lie anywhere in memory, and waiting for each is most of the work: they are asked for ahead.
class Arena {
 public:
  Arena(const at::Tensor& values, const at::Tensor& members)
      : values_(values.data_ptr<float>()),
        width_(values.size(1)),
        members_(members.data_ptr<int64_t>()),
        count_(members.numel()) {}

  int64_t width() const { return width_; }
  // Of member m.
  const float* Row(int64_t m) const {
    const float* const ahead = values_ + members_[std::min(m + kMembersAhead, count_ - 1)] * width_;
    for (int64_t k = 0; k < width_; k += kFloatsOfALine) __builtin_prefetch(ahead + k);
    return values_ + members_[m] * width_;
  }

 private:
  const float* const values_;
  const int64_t width_;
  const int64_t* const members_;
  const int64_t count_;
};

void CopySingles(const Arena& arena, int64_t tables, int64_t from, int64_t to, float* out, int64_t stride) {
  const auto bytes = static_cast<size_t>(arena.width()) * sizeof(float);
  for (int64_t i = from; i < to; ++i) {
    for (int64_t t = 0; t < tables; ++t) {
      std::memcpy(out + i * stride + t * arena.width(), arena.Row(i * tables + t), bytes);
    }
  }
}

void CopyMeans(const Arena& arena, const int64_t* offsets, int64_t tables, int64_t from, int64_t to, float* out,
               int64_t stride) {
  for (int64_t bag = from * tables; bag < to * tables; ++bag) {
    float* const mean = out + bag / tables * stride + bag % tables * arena.width();
    std::fill_n(mean, arena.width(), 0.0f);
    for (int64_t m = offsets[bag]; m < offsets[bag + 1]; ++m) {
      const float* const row = arena.Row(m);
      for (int64_t k = 0; k < arena.width(); ++k) mean[k] += row[k];
    }
    const auto members = static_cast<float>(offsets[bag + 1] - offsets[bag]);
    if (members == 0) continue;
    for (int64_t k = 0; k < arena.width(); ++k) mean[k] /= members;
  }
}

at::Tensor LookUpOnCpu(const model::SideInputs& inputs, const SideTensors& side, const Parameters& tables) {
  const int64_t rows = side.dense.size(0), stride = inputs.width();
  at::Tensor all = at::empty({rows, stride});
  auto* const out = all.data_ptr<float>();
  const int64_t dense = inputs.dense_width();
  const auto* const given = side.dense.data_ptr<float>();
  at::parallel_for(0, rows, kRowsOfATask, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to && dense > 0; ++i) {
      std::memcpy(out + i * stride, given + i * dense, static_cast<size_t>(dense) * sizeof(float));
    }
    for (const Lookup& lookup : side.lookups) {
      const Arena arena(tables.at(lookup.arena->parameter), lookup.members);
      const auto count = static_cast<int64_t>(lookup.arena->tables.size());
      if (lookup.arena->bags) {
        CopyMeans(arena, lookup.offsets.data_ptr<int64_t>(), count, from, to, out + lookup.column, stride);
      } else {
        CopySingles(arena, count, from, to, out + lookup.column, stride);
      }
    }
  });
  return all;
}

at::Tensor LookUpOnDevice(const SideTensors& side, const Parameters& tables) {
  std::vector<at::Tensor> columns = {side.dense};
  for (const Lookup& lookup : side.lookups) {
    const at::Tensor& values = tables.at(lookup.arena->parameter);
    const at::Tensor rows =
        lookup.arena->bags
            ? std::get<0>(at::embedding_bag(values, lookup.members, lookup.offsets, /*scale_grad_by_freq=*/false, kMean,
                                            /*sparse=*/false, {}, /*include_last_offset=*/true))
            : at::index_select(values, 0, lookup.members);
    columns.push_back(rows.view({side.dense.size(0), lookup.arena->columns()}));
  }
  return columns.size() == 1 ? side.dense : at::cat(columns, 1);
}

at::Tensor LookUpSide(const model::SideInputs& inputs, const SideTensors& side, const Parameters& tables) {
  if (side.lookups.empty()) return side.dense;
  return side.dense.is_cpu() ? LookUpOnCpu(inputs, side, tables) : LookUpOnDevice(side, tables);
}

}  // namespace

BatchTensors::BatchTensors(const model::Layout& layout, const model::Batch& batch, const at::Device& device)
    : context(TensorsOf(layout.context, batch.context, device)),
      ads(TensorsOf(layout.ad, batch.ads, device)),
      auction_of(AuctionOf(batch, device)) {}

Inputs LookUp(const model::Layout& layout, const BatchTensors& batch, const Parameters& tables) {
  const c10::AutoGradMode no_gradient(false);
  return {.context = LookUpSide(layout.context, batch.context, tables),
          .ads = LookUpSide(layout.ad, batch.ads, tables),
          .auction_of = batch.auction_of};
}

at::Tensor GradientOf(const Lookup& lookup, const at::Tensor& inputs_gradient) {
  const model::Arena& arena = *lookup.arena;
  const at::Tensor of_tables =
      inputs_gradient.narrow(1, lookup.column, arena.columns()).contiguous().view({-1, arena.width});
  if (!arena.bags) return of_tables;
  // A bag is the mean of its members.
  const at::Tensor lengths = lookup.offsets.slice(0, 1) - lookup.offsets.slice(0, 0, -1);
  const at::Tensor shares = of_tables / lengths.clamp_min(1).to(at::kFloat).unsqueeze(1);
  return at::index_select(shares, 0, at::repeat_interleave(lengths));
}

}  // namespace vickrey::torch
