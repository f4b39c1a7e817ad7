#include "vickrey/market/alias.h"

namespace vickrey::market {

AliasTable::AliasTable(const std::vector<double>& weights) : cells_(weights.size()) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  std::vector<double> share(weights.size());  // of a cell, in cells
  std::vector<int32_t> less, more;
  for (size_t i = 0; i < weights.size(); ++i) {
    share[i] = weights[i] / sum * static_cast<double>(weights.size());
    (share[i] < 1 ? less : more).push_back(static_cast<int32_t>(i));
  }
  while (!less.empty() && !more.empty()) {
    const int32_t small = less.back(), large = more.back();
    less.pop_back();
    cells_[small] = {static_cast<uint64_t>(share[small] * 0x1p64), large};
    share[large] -= 1 - share[small];
    if (share[large] < 1) {
      more.pop_back();
      less.push_back(large);
    }
  }
  // What is left is 1 but for rounding: a cell's own.
  for (const auto& rest : {less, more}) {
    for (const int32_t i : rest) cells_[i] = {0, i};
  }
}

}  // namespace vickrey::market
