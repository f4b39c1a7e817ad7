#ifndef VICKREY_METRIC_AUC_H_
#define VICKREY_METRIC_AUC_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace vickrey::metric {

// One prediction and what happened.
struct ScoredClick {
  double score = 0;
  bool clicked = false;
};

// The same, of a cluster that counts several times or not at all.
struct ClusteredClick {
  double score = 0;
  bool clicked = false;
  size_t cluster = 0;
};

// Sorted once, rows serve for any number of resamplings.
void SortByScore(std::vector<ClusteredClick>* rows);

// The area under the ROC curve (see clicked_scores.h) with each row as often as `times[its cluster]` says. Nothing
// where there are not both clicked rows and others. REQUIRES: sorted rows.
std::optional<double> ResampledAuc(std::span<const ClusteredClick> rows, std::span<const double> times);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_AUC_H_
