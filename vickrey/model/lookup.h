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
  struct Arena {
    int width;
    bool bags;
    int64_t first;  // among the side's tables of this kind
    std::vector<const float*> tables;
  };
  // An arena's part of a row's inputs.
  static void GatherSingles(const Arena& arena, const int32_t* buckets, float* inputs);
  void GatherBags(const Arena& arena, const SideRows& rows, int64_t row, float* inputs) const;
  // Asks for what will be read of a row.
  static void Prefetch(const Arena& arena, const int32_t* buckets);
  // An arena's part of AddTables.
  void AddBags(const Arena& arena, const SideRows& rows, int64_t begin, int64_t end, float* sums, int64_t stride) const;
  void AddSingles(const Arena& arena, const SideRows& rows, int64_t begin, int64_t end, float* sums,
                  int64_t stride) const;
  void AddSingleValues(const Arena& arena, const SideRows& rows, int64_t begin, int64_t end, float* sums,
                       int64_t stride) const;
  // Where an arena's tables have their rows, for a row of a batch.
  const int32_t* BucketsOf(const Arena& arena, const SideRows& rows, int64_t row) const {
    return rows.buckets.data() + row * singles_ + arena.first;
  }
  std::span<const int32_t> BagOf(const Arena& arena, const SideRows& rows, int64_t row, size_t table) const;

  int64_t dense_width_, width_, singles_, bags_;
  std::vector<Arena> arenas_;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_LOOKUP_H_
