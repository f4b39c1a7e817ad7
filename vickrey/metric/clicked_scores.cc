#include "vickrey/metric/clicked_scores.h"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <cstddef>

namespace vickrey::metric {
namespace {

constexpr size_t kFew = 16;

std::vector<double> Sorted(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  hwy::Sorter()(sorted.data(), sorted.size(), hwy::SortAscending());
  return sorted;
}

// Pairs that a clicked row wins, counted twice, and those tied, once: whole numbers, so exact below 2^53.
double Wins(const std::vector<double>& sorted_clicked, const std::vector<double>& sorted_others) {
  double wins = 0;
  size_t below = 0, up_to = 0;  // others less than, and not more than, the clicked row's score
  for (const double score : sorted_clicked) {
    while (below < sorted_others.size() && sorted_others[below] < score) ++below;
    if (up_to < below) up_to = below;
    while (up_to < sorted_others.size() && sorted_others[up_to] == score) ++up_to;
    wins += static_cast<double>(below + up_to);
  }
  return wins;
}

}  // namespace

void ClickedScores::Merge(const ClickedScores& other) {
  clicked_.insert(clicked_.end(), other.clicked_.begin(), other.clicked_.end());
  others_.insert(others_.end(), other.others_.begin(), other.others_.end());
}

std::optional<double> ClickedScores::Auc() const { return metric::Auc(clicked_, others_); }

std::vector<ClickedScores::Bucket> ClickedScores::Buckets(int buckets) const {
  const std::vector<double> clicked = Sorted(clicked_), others = Sorted(others_);
  const size_t rows = clicked.size() + others.size();
  std::vector<Bucket> result;
  size_t c = 0, o = 0;
  for (int k = 1; k <= buckets; ++k) {
    const size_t end = rows * k / buckets;
    if (end == c + o) continue;
    Bucket bucket;
    while (c + o < end) {
      const bool is_click = o == others.size() || (c < clicked.size() && clicked[c] < others[o]);
      bucket.scores += is_click ? clicked[c++] : others[o++];
      bucket.clicks += is_click;
      ++bucket.rows;
    }
    result.push_back(bucket);
  }
  return result;
}

std::optional<double> Auc(std::span<const double> clicked, std::span<const double> others) {
  if (clicked.empty() || others.empty()) return std::nullopt;
  double wins = 0;
  if (std::min(clicked.size(), others.size()) <= kFew) {
    for (const double score : clicked) {
      for (const double other : others) wins += (other < score) + (other <= score);
    }
  } else {
    wins = Wins(Sorted(clicked), Sorted(others));
  }
  return wins / 2 / (static_cast<double>(clicked.size()) * static_cast<double>(others.size()));
}

}  // namespace vickrey::metric
