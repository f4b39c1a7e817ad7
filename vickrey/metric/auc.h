#ifndef VICKREY_METRIC_AUC_H_
#define VICKREY_METRIC_AUC_H_

#include <optional>
#include <span>
#include <vector>

namespace vickrey::metric {

// One prediction and what happened.
struct ScoredClick {
  double score = 0;
  bool clicked = false;
};

// The area under the ROC curve, exactly: the probability that a clicked row scores higher than one that is not, ties
// counting half (Mann-Whitney). Nothing where there are not both.
//
// `weights`, where given, counts row i so many times. REQUIRES: an entry for each row, or empty.
std::optional<double> Auc(std::span<const ScoredClick> rows, std::span<const double> weights = {});

// Accumulates rows; keeps all of them, 16 bytes each. Not thread-safe.
class AucAccumulator {
 public:
  void Add(double score, bool clicked) { rows_.push_back({score, clicked}); }
  void Merge(const AucAccumulator& other) { rows_.insert(rows_.end(), other.rows_.begin(), other.rows_.end()); }
  std::optional<double> Finalize() const { return Auc(rows_); }
  const std::vector<ScoredClick>& rows() const { return rows_; }

 private:
  std::vector<ScoredClick> rows_;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_AUC_H_
