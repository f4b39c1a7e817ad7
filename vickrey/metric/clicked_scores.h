#ifndef VICKREY_METRIC_CLICKED_SCORES_H_
#define VICKREY_METRIC_CLICKED_SCORES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vickrey::metric {

// The predictions of many rows, those that were clicked apart from the others: for what depends on their order. Keeps 8
// bytes a row. Not thread-safe.
class ClickedScores {
 public:
  // REQUIRES: not NaN.
  void Add(double score, bool clicked) { (clicked ? clicked_ : others_).push_back(score); }
  void Merge(const ClickedScores& other);

  // The area under the ROC curve, exactly: the probability that a clicked row scores higher than one that is not, ties
  // counting half (Mann-Whitney). Nothing where there are not both.
  std::optional<double> Auc() const;

  // At most `buckets` of about equally many rows, by rising score: their number, the sum of the scores, the clicks.
  struct Bucket {
    int64_t rows = 0;
    double scores = 0;
    int64_t clicks = 0;
  };
  std::vector<Bucket> Buckets(int buckets) const;

 private:
  std::vector<double> clicked_, others_;
};

// The same AUC of rows that are not kept, such as an auction's; where one kind is few, without memory of its own.
std::optional<double> Auc(std::span<const double> clicked, std::span<const double> others);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_CLICKED_SCORES_H_
