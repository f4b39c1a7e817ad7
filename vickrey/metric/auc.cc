#include "vickrey/metric/auc.h"

#include <algorithm>

namespace vickrey::metric {

void SortByScore(std::vector<ClusteredClick>* rows) {
  std::sort(rows->begin(), rows->end(),
            [](const ClusteredClick& a, const ClusteredClick& b) { return a.score < b.score; });
}

std::optional<double> ResampledAuc(std::span<const ClusteredClick> rows, std::span<const double> times) {
  double clicked_below = 0, others_below = 0, wins = 0;
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    double clicked = 0, others = 0;  // of the rows with this score
    for (; end < rows.size() && rows[end].score == rows[begin].score; ++end) {
      (rows[end].clicked ? clicked : others) += times[rows[end].cluster];
    }
    wins += clicked * (others_below + others / 2);
    clicked_below += clicked;
    others_below += others;
  }
  const double pairs = clicked_below * others_below;
  if (!(pairs > 0)) return std::nullopt;
  return wins / pairs;
}

}  // namespace vickrey::metric
