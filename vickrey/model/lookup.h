#ifndef VICKREY_MODEL_LOOKUP_H_
#define VICKREY_MODEL_LOOKUP_H_

#include <cstdint>
#include <span>
#include <vector>

#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/tensors.h"

namespace vickrey::model {

// The tables of one side of a network, where they lie in the file: what the native scorers look up.
//
// Immutable, so thread-safe. The tensors must outlive it.
class Lookup {
 public:
  Lookup(const SideInputs& inputs, const TensorViews& file);

  // Of the inputs of a row: dense ones, then the row of every table.
  int64_t width() const { return width_; }
  std::span<const float> Dense(const SideRows& rows, int64_t row) const {
    return {rows.dense.data() + row * dense_width_, static_cast<size_t>(dense_width_)};
  }
  // Writes the inputs of a row, width() floats.
  void Gather(const SideRows& rows, int64_t row, float* inputs) const;
  // Adds the row of every table, one after the other. REQUIRES: all are of the width of `sum`.
  void AddTables(const SideRows& rows, int64_t row, std::span<float> sum) const;

 private:
  struct Table {
    const float* values;
    int64_t first_row;  // in the arena

    const float* Row(int64_t row, int width) const { return values + (row - first_row) * width; }
  };
  struct Arena {
    int width;
    bool bags;
    std::vector<Table> tables;
  };
  // Calls f(table, width, members) for every table.
  template <typename F>
  void ForEachTable(const SideRows& rows, int64_t row, F f) const;

  int64_t dense_width_, width_;
  std::vector<Arena> arenas_;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_LOOKUP_H_
