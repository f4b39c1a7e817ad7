#include "vickrey/model/lookup.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace vickrey::model {
namespace {

// How many rows ahead values are asked for that will be in no cache near by.
constexpr int64_t kAhead = 4;

std::span<const int64_t> BagOf(const SideRows::Members& members, int64_t bag) {
  const int64_t begin = members.offsets[bag];
  return std::span(members.rows).subspan(begin, members.offsets[bag + 1] - begin);
}

}  // namespace

Lookup::Lookup(const SideInputs& inputs, const TensorViews& file)
    : dense_width_(inputs.dense_width()), width_(inputs.width()) {
  for (const model::Arena& arena : inputs.arenas) {
    Arena& own = arenas_.emplace_back(Arena{.width = arena.width, .bags = arena.bags});
    for (const TableInput& table : arena.tables) {
      own.tables.push_back({file.tensors.at(table.tensor).values.data(), table.first_row});
    }
  }
}

// A bag's mean. REQUIRES: not empty.
void Lookup::Table::Mean(std::span<const int64_t> members, int width, float* mean) const {
  const float* values = Row(members[0], width);
  std::copy(values, values + width, mean);
  for (size_t m = 1; m < members.size(); ++m) {
    values = Row(members[m], width);
    for (int k = 0; k < width; ++k) mean[k] += values[k];
  }
  const auto count = static_cast<float>(members.size());
  for (int k = 0; members.size() > 1 && k < width; ++k) mean[k] /= count;
}

void Lookup::GatherBags(const Arena& arena, const SideRows::Members& members, int64_t row, float* inputs) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  for (int64_t t = 0; t < tables; ++t, inputs += arena.width) {
    const std::span<const int64_t> bag = BagOf(members, row * tables + t);
    if (bag.empty()) {
      std::fill(inputs, inputs + arena.width, 0.0f);
    } else {
      arena.tables[t].Mean(bag, arena.width, inputs);
    }
  }
}

void Lookup::GatherSingles(const Arena& arena, const int64_t* members, float* inputs) {
  const auto gather = [&](auto width) {
    for (size_t t = 0; t < arena.tables.size(); ++t, inputs += width) {
      std::memcpy(inputs, arena.tables[t].Row(members[t], width), width * sizeof(float));
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

void Lookup::Prefetch(const Arena& arena, const int64_t* members) {
  for (size_t t = 0; t < arena.tables.size(); ++t) __builtin_prefetch(arena.tables[t].Row(members[t], arena.width));
}

void Lookup::Gather(const SideRows& rows, int64_t begin, int64_t end, float* inputs) const {
  for (int64_t i = begin; i < end; ++i) {
    const std::span<const float> dense = Dense(rows, i);
    float* out = std::copy(dense.begin(), dense.end(), inputs);
    for (size_t a = 0; a < arenas_.size(); ++a) {
      const Arena& arena = arenas_[a];
      const auto tables = static_cast<int64_t>(arena.tables.size());
      if (arena.bags) {
        GatherBags(arena, rows.arenas[a], i, out);
      } else {
        const int64_t* const members = rows.arenas[a].rows.data();
        if (i + kAhead < end) Prefetch(arena, members + (i + kAhead) * tables);
        GatherSingles(arena, members + i * tables, out);
      }
      out += tables * arena.width;
    }
    inputs += width_;
  }
}

void Lookup::AddTables(const SideRows& rows, int64_t begin, int64_t end, float* sums, int64_t stride) const {
  for (size_t a = 0; a < arenas_.size(); ++a) {
    const Arena& arena = arenas_[a];
    if (arena.bags) {
      AddBags(arena, rows.arenas[a], begin, end, sums, stride);
    } else if (arena.width == 1) {
      AddSingleValues(arena, rows.arenas[a].rows.data(), begin, end, sums, stride);
    } else {
      AddSingles(arena, rows.arenas[a].rows.data(), begin, end, sums, stride);
    }
  }
}

void Lookup::AddBags(const Arena& arena, const SideRows::Members& members, int64_t begin, int64_t end, float* sums,
                     int64_t stride) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  for (int64_t i = begin; i < end; ++i, sums += stride) {
    for (int64_t t = 0; t < tables; ++t) {
      const std::span<const int64_t> bag = BagOf(members, i * tables + t);
      for (int k = 0; !bag.empty() && k < arena.width; ++k) {
        float of_bag = 0;
        for (const int64_t member : bag) of_bag += arena.tables[t].Row(member, arena.width)[k];
        sums[k] += of_bag / static_cast<float>(bag.size());
      }
    }
  }
}

void Lookup::AddSingles(const Arena& arena, const int64_t* members, int64_t begin, int64_t end, float* sums,
                        int64_t stride) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  for (int64_t i = begin; i < end; ++i, sums += stride) {
    if (i + kAhead < end) Prefetch(arena, members + (i + kAhead) * tables);
    for (int64_t t = 0; t < tables; ++t) {
      const float* const values = arena.tables[t].Row(members[i * tables + t], arena.width);
      for (int k = 0; k < arena.width; ++k) sums[k] += values[k];
    }
  }
}

void Lookup::AddSingleValues(const Arena& arena, const int64_t* members, int64_t begin, int64_t end, float* sums,
                             int64_t stride) {
  const auto tables = static_cast<int64_t>(arena.tables.size());
  constexpr int64_t kAtATime = 4;  // each row's additions wait for each other, those of several rows do not
  int64_t i = begin;
  for (; i + kAtATime <= end; i += kAtATime, sums += kAtATime * stride) {
    float sum[kAtATime];
    for (int64_t r = 0; r < kAtATime; ++r) sum[r] = sums[r * stride];
    const int64_t* const of_rows = members + i * tables;
    for (int64_t t = 0; t < tables; ++t) {
      const Table& table = arena.tables[t];
      for (int64_t r = 0; r < kAtATime; ++r) sum[r] += *table.Row(of_rows[r * tables + t], 1);
    }
    for (int64_t r = 0; r < kAtATime; ++r) sums[r * stride] = sum[r];
  }
  AddSingles(arena, members, i, end, sums, stride);
}

}  // namespace vickrey::model
