#include "vickrey/model/lookup.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace vickrey::model {
namespace {

// How many rows ahead values are asked for that will be in no cache near by.
constexpr int64_t kAhead = 4;

const float* RowOf(const float* table, int32_t bucket, int width) { return table + int64_t{bucket} * width; }

}  // namespace

Lookup::Lookup(const SideInputs& inputs, const TensorViews& file)
    : dense_width_(inputs.dense_width()), width_(inputs.width()), singles_(inputs.singles), bags_(inputs.bags) {
  for (const model::Arena& arena : inputs.arenas) {
    Arena& own = arenas_.emplace_back(Arena{.width = arena.width, .bags = arena.bags, .first = arena.first});
    for (const TableInput& table : arena.tables) own.tables.push_back(file.tensors.at(table.tensor).values.data());
  }
}

std::span<const int32_t> Lookup::BagOf(const Arena& arena, const SideRows& rows, int64_t row, size_t table) const {
  const int64_t bag = row * bags_ + arena.first + static_cast<int64_t>(table);
  const int64_t begin = rows.bag_offsets[bag];
  return std::span(rows.bag_buckets).subspan(begin, rows.bag_offsets[bag + 1] - begin);
}

void Lookup::Gather(const SideRows& rows, int64_t begin, int64_t end, float* inputs) const {
  for (int64_t i = begin; i < end; ++i) {
    const std::span<const float> dense = Dense(rows, i);
    inputs = std::copy(dense.begin(), dense.end(), inputs);
    for (const Arena& arena : arenas_) {
      if (arena.bags) {
        GatherBags(arena, rows, i, inputs);
      } else {
        if (i + kAhead < end) Prefetch(arena, BucketsOf(arena, rows, i + kAhead));
        GatherSingles(arena, BucketsOf(arena, rows, i), inputs);
      }
      inputs += static_cast<int64_t>(arena.tables.size()) * arena.width;
    }
  }
}

void Lookup::GatherBags(const Arena& arena, const SideRows& rows, int64_t row, float* inputs) const {
  const int width = arena.width;
  for (size_t t = 0; t < arena.tables.size(); ++t, inputs += width) {
    const std::span<const int32_t> bag = BagOf(arena, rows, row, t);
    std::fill(inputs, inputs + width, 0.0f);
    for (const int32_t bucket : bag) {
      const float* const values = RowOf(arena.tables[t], bucket, width);
      for (int k = 0; k < width; ++k) inputs[k] += values[k];
    }
    const auto count = static_cast<float>(bag.size());
    for (int k = 0; bag.size() > 1 && k < width; ++k) inputs[k] /= count;
  }
}

void Lookup::GatherSingles(const Arena& arena, const int32_t* buckets, float* inputs) {
  const auto gather = [&](auto width) {
    for (size_t t = 0; t < arena.tables.size(); ++t, inputs += width) {
      std::memcpy(inputs, RowOf(arena.tables[t], buckets[t], width), width * sizeof(float));
    }
  };
  switch (arena.width) {  // a copy of a known size takes one or two instructions
    case 4:
      return gather(std::integral_constant<int, 4>());
    case 8:
      return gather(std::integral_constant<int, 8>());
    case 16:
      return gather(std::integral_constant<int, 16>());
    case 32:
      return gather(std::integral_constant<int, 32>());
    default:
      return gather(arena.width);
  }
}

void Lookup::Prefetch(const Arena& arena, const int32_t* buckets) {
  for (size_t t = 0; t < arena.tables.size(); ++t) {
    __builtin_prefetch(RowOf(arena.tables[t], buckets[t], arena.width));
  }
}

void Lookup::AddTables(const SideRows& rows, int64_t begin, int64_t end, float* sums, int64_t stride) const {
  for (const Arena& arena : arenas_) {
    if (arena.bags) {
      AddBags(arena, rows, begin, end, sums, stride);
    } else if (arena.width == 1) {
      AddSingleValues(arena, rows, begin, end, sums, stride);
    } else {
      AddSingles(arena, rows, begin, end, sums, stride);
    }
  }
}

void Lookup::AddBags(const Arena& arena, const SideRows& rows, int64_t begin, int64_t end, float* sums,
                     int64_t stride) const {
  for (int64_t i = begin; i < end; ++i, sums += stride) {
    for (size_t t = 0; t < arena.tables.size(); ++t) {
      const std::span<const int32_t> bag = BagOf(arena, rows, i, t);
      for (int k = 0; !bag.empty() && k < arena.width; ++k) {
        float of_bag = 0;
        for (const int32_t bucket : bag) of_bag += RowOf(arena.tables[t], bucket, arena.width)[k];
        sums[k] += of_bag / static_cast<float>(bag.size());
      }
    }
  }
}

void Lookup::AddSingles(const Arena& arena, const SideRows& rows, int64_t begin, int64_t end, float* sums,
                        int64_t stride) const {
  for (int64_t i = begin; i < end; ++i, sums += stride) {
    if (i + kAhead < end) Prefetch(arena, BucketsOf(arena, rows, i + kAhead));
    const int32_t* const buckets = BucketsOf(arena, rows, i);
    for (size_t t = 0; t < arena.tables.size(); ++t) {
      const float* const values = RowOf(arena.tables[t], buckets[t], arena.width);
      for (int k = 0; k < arena.width; ++k) sums[k] += values[k];
    }
  }
}

void Lookup::AddSingleValues(const Arena& arena, const SideRows& rows, int64_t begin, int64_t end, float* sums,
                             int64_t stride) const {
  constexpr int64_t kAtATime = 4;  // each row's additions wait for each other, those of several rows do not
  int64_t i = begin;
  for (; i + kAtATime <= end; i += kAtATime, sums += kAtATime * stride) {
    float sum[kAtATime];
    for (int64_t r = 0; r < kAtATime; ++r) sum[r] = sums[r * stride];
    const int32_t* const buckets = BucketsOf(arena, rows, i);
    for (size_t t = 0; t < arena.tables.size(); ++t) {
      for (int64_t r = 0; r < kAtATime; ++r) sum[r] += arena.tables[t][buckets[r * singles_ + static_cast<int64_t>(t)]];
    }
    for (int64_t r = 0; r < kAtATime; ++r) sums[r * stride] = sum[r];
  }
  AddSingles(arena, rows, i, end, sums, stride);
}

}  // namespace vickrey::model
