#ifndef VICKREY_MARKET_ALIAS_H_
#define VICKREY_MARKET_ALIAS_H_

#include <cstdint>
#include <vector>

#include "vickrey/base/random.h"

namespace vickrey::market {

// Draws numbers 0 .. n-1 in proportion to weights, each with one uniform number (Walker 1977, with the tables of Vose
// 1991). Immutable, so thread-safe.
class AliasTable {
 public:
  // REQUIRES: 1 to 2^31 weights, none negative, not all 0.
  explicit AliasTable(const std::vector<double>& weights);

  int32_t Draw(base::RandomStream& random) const {
    // 64 bits times n: the whole part is a cell, the fraction a place in it.
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(random.Bits()) * cells_.size();
    const auto i = static_cast<int32_t>(product >> 64);
    const Cell& cell = cells_[i];
    // The cell's own number below the border, else the other; without a branch, which would be mispredicted.
    const auto mask = -static_cast<int32_t>(static_cast<uint64_t>(product) < cell.border);
    return cell.other ^ ((cell.other ^ i) & mask);
  }

 private:
  // One of n equal parts of the probability, shared by its own number and another.
  struct Cell {
    uint64_t border = 0;  // in 2^-64 of the cell
    int32_t other = 0;
  };
  std::vector<Cell> cells_;
};

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_ALIAS_H_
