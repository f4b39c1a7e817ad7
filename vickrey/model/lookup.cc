#include "vickrey/model/lookup.h"

#include <algorithm>

namespace vickrey::model {

Lookup::Lookup(const SideInputs& inputs, const TensorViews& file)
    : dense_width_(inputs.dense_width()), width_(inputs.width()) {
  for (const model::Arena& arena : inputs.arenas) {
    Arena& own = arenas_.emplace_back(Arena{.width = arena.width, .bags = arena.bags});
    for (const TableInput& table : arena.tables) {
      own.tables.push_back({file.tensors.at(table.tensor).values.data(), table.first_row});
    }
  }
}

template <typename F>
void Lookup::ForEachTable(const SideRows& rows, int64_t row, F f) const {
  for (size_t a = 0; a < arenas_.size(); ++a) {
    const Arena& arena = arenas_[a];
    const SideRows::Members& members = rows.arenas[a];
    const auto tables = static_cast<int64_t>(arena.tables.size());
    for (int64_t t = 0; t < tables; ++t) {
      const int64_t k = row * tables + t;
      const int64_t begin = arena.bags ? members.offsets[k] : k;
      const int64_t end = arena.bags ? members.offsets[k + 1] : k + 1;
      f(arena.tables[t], arena.width, std::span(members.rows).subspan(begin, end - begin));
    }
  }
}

void Lookup::Gather(const SideRows& rows, int64_t row, float* inputs) const {
  const std::span<const float> dense = Dense(rows, row);
  inputs = std::copy(dense.begin(), dense.end(), inputs);
  ForEachTable(rows, row, [&](const Table& table, int width, std::span<const int64_t> members) {
    if (members.empty()) {
      std::fill(inputs, inputs + width, 0.0f);
    } else {
      const float* values = table.Row(members[0], width);
      std::copy(values, values + width, inputs);
      for (size_t m = 1; m < members.size(); ++m) {
        values = table.Row(members[m], width);
        for (int k = 0; k < width; ++k) inputs[k] += values[k];
      }
      const auto count = static_cast<float>(members.size());
      for (int k = 0; members.size() > 1 && k < width; ++k) inputs[k] /= count;
    }
    inputs += width;
  });
}

void Lookup::AddTables(const SideRows& rows, int64_t row, std::span<float> sum) const {
  ForEachTable(rows, row, [&](const Table& table, int width, std::span<const int64_t> members) {
    for (int k = 0; !members.empty() && k < width; ++k) {
      float of_table = 0;
      for (const int64_t member : members) of_table += table.Row(member, width)[k];
      sum[k] += of_table / static_cast<float>(members.size());
    }
  });
}

}  // namespace vickrey::model
