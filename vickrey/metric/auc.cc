#include "vickrey/metric/auc.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace vickrey::metric {

std::optional<double> Auc(std::span<const ScoredClick> rows, std::span<const double> weights) {
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rows[a].score < rows[b].score; });
  double clicked_below = 0, others_below = 0, wins = 0;
  for (size_t begin = 0; begin < order.size();) {
    double clicked = 0, others = 0;  // of the rows with this score
    size_t end = begin;
    do {
      (rows[order[end]].clicked ? clicked : others) += weights.empty() ? 1 : weights[order[end]];
      ++end;
    } while (end < order.size() && rows[order[end]].score == rows[order[begin]].score);
    wins += clicked * (others_below + others / 2);
    clicked_below += clicked;
    others_below += others;
    begin = end;
  }
  const double pairs = clicked_below * others_below;
  if (!(pairs > 0)) return std::nullopt;
  return wins / pairs;
}

}  // namespace vickrey::metric
