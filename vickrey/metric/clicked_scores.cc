#include "vickrey/metric/clicked_scores.h"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <bit>
#include <cstddef>

namespace vickrey::metric {
namespace {

constexpr size_t kFew = 16;

// A double's order is that of its bits: those of exponent and 12 bits of fraction name the bin.
constexpr int kFraction = 12, kOctaves = 32;
constexpr uint64_t kOne = std::bit_cast<uint64_t>(1.0) >> (52 - kFraction);
constexpr uint64_t kLowest = kOne - (uint64_t{kOctaves} << kFraction);
constexpr size_t kBins = kOne - kLowest + 1;

size_t BinOf(double score) {
  const uint64_t bits = std::bit_cast<uint64_t>(score) >> (52 - kFraction);
  return bits < kLowest || score <= 0 ? 0 : std::min<uint64_t>(bits - kLowest, kBins - 1);
}

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

void ClickedScores::Count(double score, bool clicked) {
  Bin& bin = bins_[BinOf(score)];
  ++(clicked ? bin.clicked : bin.others);
  bin.scores += score;
}

void ClickedScores::Fold() {
  bins_.resize(kBins);
  for (const double score : clicked_) Count(score, true);
  for (const double score : others_) Count(score, false);
  clicked_ = {};  // gives their memory back
  others_ = {};
}

void ClickedScores::Merge(const ClickedScores& other) {
  const size_t rows = clicked_.size() + others_.size() + other.clicked_.size() + other.others_.size();
  if (bins_.empty() && (!other.bins_.empty() || rows > kExactRows)) Fold();
  if (bins_.empty()) {
    clicked_.insert(clicked_.end(), other.clicked_.begin(), other.clicked_.end());
    others_.insert(others_.end(), other.others_.begin(), other.others_.end());
    return;
  }
  for (const double score : other.clicked_) Count(score, true);
  for (const double score : other.others_) Count(score, false);
  for (size_t i = 0; i < other.bins_.size(); ++i) {
    bins_[i].clicked += other.bins_[i].clicked;
    bins_[i].others += other.bins_[i].others;
    bins_[i].scores += other.bins_[i].scores;
  }
}

std::optional<double> ClickedScores::Auc() const {
  return bins_.empty() ? metric::Auc(clicked_, others_) : BinnedAuc();
}

std::optional<double> ClickedScores::BinnedAuc() const {
  double wins = 0, clicked = 0, below = 0;
  for (const Bin& bin : bins_) {
    const auto others = static_cast<double>(bin.others);
    wins += static_cast<double>(bin.clicked) * (2 * below + others);
    clicked += static_cast<double>(bin.clicked);
    below += others;
  }
  if (clicked == 0 || below == 0) return std::nullopt;
  return wins / 2 / (clicked * below);
}

std::vector<ClickedScores::Bucket> ClickedScores::Buckets(int buckets) const {
  if (!bins_.empty()) return BinnedBuckets(buckets);
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

std::vector<ClickedScores::Bucket> ClickedScores::BinnedBuckets(int buckets) const {
  int64_t rows = 0;
  for (const Bin& bin : bins_) rows += bin.clicked + bin.others;
  std::vector<Bucket> result;
  Bucket bucket;
  int64_t done = 0;  // up to here
  int k = 1;         // the bucket that is being filled
  for (const Bin& bin : bins_) {
    bucket.rows += bin.clicked + bin.others;
    bucket.scores += bin.scores;
    bucket.clicks += bin.clicked;
    done += bin.clicked + bin.others;
    if (bucket.rows == 0 || done < rows * k / buckets) continue;
    result.push_back(bucket);
    bucket = {};
    while (k < buckets && done >= rows * k / buckets) ++k;
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
