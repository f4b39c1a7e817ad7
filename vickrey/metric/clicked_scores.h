#ifndef VICKREY_METRIC_CLICKED_SCORES_H_
#define VICKREY_METRIC_CLICKED_SCORES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vickrey::metric {

// The predictions of many rows, those that were clicked apart from the others: for what depends on their order.
//
// Up to kExactRows rows are kept, 8 bytes each. More are counted in bins instead, of the 32 octaves below 1 with 4,096
// bins each (.02 % wide; whatever is below 2^-32 shares one): 3 MB, however many rows there are. Two rows of a bin
// count as a tie then, which is wrong by at most half the share of the pairs that have both rows in one bin. Not
// thread-safe.
class ClickedScores {
 public:
  static constexpr size_t kExactRows = size_t{1} << 20;

  // REQUIRES: score in [0, 1].
  void Add(double score, bool clicked) {
    if (!bins_.empty()) return Count(score, clicked);
    (clicked ? clicked_ : others_).push_back(score);
    if (clicked_.size() + others_.size() > kExactRows) Fold();
  }
  void Merge(const ClickedScores& other);

  // The area under the ROC curve: the probability that a clicked row scores higher than one that is not, ties counting
  // half (Mann-Whitney). Nothing where there are not both.
  std::optional<double> Auc() const;

  // At most `buckets` of about equally many rows, by rising score: their number, the sum of the scores, the clicks.
  struct Bucket {
    int64_t rows = 0;
    double scores = 0;
    int64_t clicks = 0;
  };
  std::vector<Bucket> Buckets(int buckets) const;

 private:
  struct Bin {
    int64_t clicked = 0, others = 0;
    double scores = 0;
  };

  void Count(double score, bool clicked);
  void Fold();  // kept rows into bins
  std::optional<double> BinnedAuc() const;
  std::vector<Bucket> BinnedBuckets(int buckets) const;

  std::vector<double> clicked_, others_;  // empty where there are bins
  std::vector<Bin> bins_;                 // by rising score; empty up to kExactRows rows
};

// The same AUC of rows that are not kept, such as an auction's; where one kind is few, without memory of its own.
std::optional<double> Auc(std::span<const double> clicked, std::span<const double> others);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_CLICKED_SCORES_H_
