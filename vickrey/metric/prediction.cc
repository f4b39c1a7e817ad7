#include "vickrey/metric/prediction.h"

#include <algorithm>
#include <cmath>

namespace vickrey::metric {
namespace {

constexpr double kLeastProbability = 1e-15;

}  // namespace

PredictionAccumulator::PredictionAccumulator(Options options) : options_(options), bins_(options.ece_bins) {}

void PredictionAccumulator::Add(double pctr, bool clicked, int64_t bid_micros) {
  all_.Add(pctr, clicked);
  auction_.push_back({pctr, clicked});
  ++rows_;
  clicks_ += clicked;
  pctr_ += pctr;
  const double p = std::clamp(pctr, kLeastProbability, 1 - kLeastProbability);
  cross_entropy_ -= clicked ? std::log(p) : std::log1p(-p);
  Bin& bin = bins_[std::min<size_t>(static_cast<size_t>(pctr * static_cast<double>(bins_.size())), bins_.size() - 1)];
  ++bin.rows;
  bin.pctr += pctr;
  bin.clicks += clicked;
  if (options_.keep_by_bid) by_bid_.push_back({bid_micros, pctr, clicked});
}

void PredictionAccumulator::AddTeacher(double pctr, double teacher) {
  ++teacher_rows_;
  teacher_squares_ += (pctr - teacher) * (pctr - teacher);
}

void PredictionAccumulator::EndAuction() {
  if (const auto auc = Auc(auction_); auc.has_value()) {
    ++aucs_;
    auc_sum_ += *auc;
  }
  auction_.clear();
}

void PredictionAccumulator::Merge(const PredictionAccumulator& other) {
  all_.Merge(other.all_);
  rows_ += other.rows_;
  clicks_ += other.clicks_;
  pctr_ += other.pctr_;
  cross_entropy_ += other.cross_entropy_;
  aucs_ += other.aucs_;
  auc_sum_ += other.auc_sum_;
  for (size_t i = 0; i < bins_.size(); ++i) {
    bins_[i].rows += other.bins_[i].rows;
    bins_[i].pctr += other.bins_[i].pctr;
    bins_[i].clicks += other.bins_[i].clicks;
  }
  teacher_rows_ += other.teacher_rows_;
  teacher_squares_ += other.teacher_squares_;
  by_bid_.insert(by_bid_.end(), other.by_bid_.begin(), other.by_bid_.end());
}

PredictionMetrics PredictionAccumulator::Finalize() const {
  PredictionMetrics m;
  m.rows = rows_;
  m.clicks = clicks_;
  m.auc = all_.Finalize();
  if (aucs_ > 0) m.auction_auc = auc_sum_ / static_cast<double>(aucs_);
  if (teacher_rows_ > 0) m.mse_teacher = teacher_squares_ / static_cast<double>(teacher_rows_);
  if (rows_ == 0) return m;
  const auto rows = static_cast<double>(rows_);
  m.logloss = cross_entropy_ / rows;
  const double rate = static_cast<double>(clicks_) / rows;
  if (clicks_ > 0 && clicks_ < rows_) {
    m.normalized_entropy = *m.logloss / -(rate * std::log(rate) + (1 - rate) * std::log1p(-rate));
  }
  if (clicks_ > 0) m.calibration = pctr_ / static_cast<double>(clicks_);
  double ece = 0;
  for (const Bin& bin : bins_) ece += std::abs(bin.pctr - static_cast<double>(bin.clicks));
  m.ece = ece / rows;
  return m;
}

std::vector<BidBucket> PredictionAccumulator::ByBid(int buckets) const {
  std::vector<BidRow> rows = by_bid_;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const BidRow& a, const BidRow& b) { return a.bid_micros < b.bid_micros; });
  std::vector<BidBucket> result;
  size_t begin = 0;
  for (int k = 1; k <= buckets && begin < rows.size(); ++k) {
    size_t end = std::max(begin, rows.size() * k / buckets);
    while (end > begin && end < rows.size() && rows[end].bid_micros == rows[end - 1].bid_micros) ++end;
    if (end == begin) continue;
    BidBucket bucket{.lo_micros = rows[begin].bid_micros, .hi_micros = rows[end - 1].bid_micros};
    double pctr = 0, clicks = 0;
    for (size_t i = begin; i < end; ++i) {
      pctr += rows[i].pctr;
      clicks += rows[i].clicked;
    }
    bucket.rows = static_cast<int64_t>(end - begin);
    bucket.mean_pctr = pctr / static_cast<double>(bucket.rows);
    bucket.ctr = clicks / static_cast<double>(bucket.rows);
    result.push_back(bucket);
    begin = end;
  }
  return result;
}

std::vector<PredictionBucket> PredictionAccumulator::ByPrediction(int buckets) const {
  std::vector<ScoredClick> rows = all_.rows();
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ScoredClick& a, const ScoredClick& b) { return a.score < b.score; });
  std::vector<PredictionBucket> result;
  size_t begin = 0;
  for (int k = 1; k <= buckets; ++k) {
    const size_t end = rows.size() * k / buckets;
    if (end == begin) continue;
    double pctr = 0, clicks = 0;
    for (size_t i = begin; i < end; ++i) {
      pctr += rows[i].score;
      clicks += rows[i].clicked;
    }
    const auto count = static_cast<double>(end - begin);
    result.push_back({static_cast<int64_t>(end - begin), pctr / count, clicks / count});
    begin = end;
  }
  return result;
}

}  // namespace vickrey::metric
