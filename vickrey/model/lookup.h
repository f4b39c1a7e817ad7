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
  // Writes the inputs of rows [begin, end), width() floats each, one behind the other.
  void Gather(const SideRows& rows, int64_t begin, int64_t end, float* inputs) const;
  // To each of the sums of rows [begin, end), `stride` floats apart, adds the row of every table, one after the other.
  // REQUIRES: all tables are as wide as a sum.
  void AddTables(const SideRows& rows, int64_t begin, int64_t end, float* sums, int64_t stride) const;

 private:
  struct Table {
    const float* values;
    int64_t first_row;  // in the arena

    const float* Row(int64_t row, int width) const { return values + (row - first_row) * width; }
    void Mean(std::span<const int64_t> members, int width, float* mean) const;
  };
  struct Arena {
    int width;
    bool bags;
    std::vector<Table> tables;
  };
  // One arena's part of a row's inputs.
  static void GatherSingles(const Arena& arena, const int64_t* members, float* inputs);
  static void GatherBags(const Arena& arena, const SideRows::Members& members, int64_t row, float* inputs);
  // Asks for what will be read of a row.
  static void Prefetch(const Arena& arena, const int64_t* members);
  // One arena's part of AddTables.
  static void AddBags(const Arena& arena, const SideRows::Members& members, int64_t begin, int64_t end, float* sums,
                      int64_t stride);
  static void AddSingles(const Arena& arena, const int64_t* members, int64_t begin, int64_t end, float* sums,
                         int64_t stride);
  static void AddSingleValues(const Arena& arena, const int64_t* members, int64_t begin, int64_t end, float* sums,
                              int64_t stride);

  int64_t dense_width_, width_;
  std::vector<Arena> arenas_;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_LOOKUP_H_
