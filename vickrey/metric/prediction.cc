#include "vickrey/metric/prediction.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "vickrey/auction/auction.h"

namespace vickrey::metric {
namespace {

constexpr double kLeastProbability = 1e-15;
constexpr double kLeastLikelihood = 1e-200;  // times one more probability, still far from the least double

// Bids by their power of two, and in it by the eight bits behind the first: bins 0.2 to 0.4 % wide; those below 512
// have one each.
constexpr int kFractionOfBid = 8;
constexpr size_t kBinsOfAPower = size_t{1} << kFractionOfBid;
constexpr size_t kPowers = std::bit_width(static_cast<uint64_t>(auction::kMaxBidMicros));

size_t BinOf(int64_t bid_micros) {
  constexpr uint64_t kOne = std::bit_cast<uint64_t>(1.0) >> (52 - kFractionOfBid);
  return (std::bit_cast<uint64_t>(static_cast<double>(bid_micros)) >> (52 - kFractionOfBid)) - kOne;
}

}  // namespace

PredictionAccumulator::PredictionAccumulator(Options options)
    : options_(options), bins_(options.ece_bins), bid_bins_(options.keep_by_bid ? kPowers : 0) {}

void PredictionAccumulator::Add(double pctr, bool clicked, int64_t bid_micros) {
  if (options_.keep_scores) scores_.Add(pctr, clicked);
  (clicked ? clicked_ : others_).push_back(pctr);
  ++rows_;
  clicks_ += clicked;
  pctr_ += pctr;
  likelihood_ *= std::clamp(clicked ? pctr : 1 - pctr, kLeastProbability, 1 - kLeastProbability);
  if (likelihood_ < kLeastLikelihood) {
    cross_entropy_ -= std::log(likelihood_);
    likelihood_ = 1;
  }
  Bin& bin = bins_[std::min<size_t>(static_cast<size_t>(pctr * static_cast<double>(bins_.size())), bins_.size() - 1)];
  ++bin.rows;
  bin.pctr += pctr;
  bin.clicks += clicked;
  if (options_.keep_by_bid) {
    const size_t bid_bin = BinOf(bid_micros);
    std::vector<BidBin>& power = bid_bins_[bid_bin / kBinsOfAPower];
    if (power.empty()) power.resize(kBinsOfAPower);
    power[bid_bin % kBinsOfAPower].Add({bid_micros, bid_micros, 1, pctr, clicked});
  }
}

double PredictionAccumulator::CrossEntropy() const { return cross_entropy_ - std::log(likelihood_); }

void PredictionAccumulator::AddTeacher(double pctr, double teacher) {
  ++teacher_rows_;
  teacher_squares_ += (pctr - teacher) * (pctr - teacher);
}

void PredictionAccumulator::EndAuction() {
  if (const auto auc = Auc(clicked_, others_); auc.has_value()) {
    ++aucs_;
    auc_sum_ += *auc;
  }
  clicked_.clear();
  others_.clear();
}

void PredictionAccumulator::Merge(const PredictionAccumulator& other) {
  scores_.Merge(other.scores_);
  rows_ += other.rows_;
  clicks_ += other.clicks_;
  pctr_ += other.pctr_;
  cross_entropy_ += other.CrossEntropy();
  aucs_ += other.aucs_;
  auc_sum_ += other.auc_sum_;
  for (size_t i = 0; i < bins_.size(); ++i) {
    bins_[i].rows += other.bins_[i].rows;
    bins_[i].pctr += other.bins_[i].pctr;
    bins_[i].clicks += other.bins_[i].clicks;
  }
  teacher_rows_ += other.teacher_rows_;
  teacher_squares_ += other.teacher_squares_;
  for (size_t p = 0; p < bid_bins_.size(); ++p) {
    if (other.bid_bins_[p].empty()) continue;
    bid_bins_[p].resize(kBinsOfAPower);
    for (size_t i = 0; i < kBinsOfAPower; ++i) bid_bins_[p][i].Add(other.bid_bins_[p][i]);
  }
}

PredictionMetrics PredictionAccumulator::Finalize() const {
  PredictionMetrics m;
  m.rows = rows_;
  m.clicks = clicks_;
  m.auc = scores_.Auc();
  if (aucs_ > 0) m.auction_auc = auc_sum_ / static_cast<double>(aucs_);
  if (teacher_rows_ > 0) m.mse_teacher = teacher_squares_ / static_cast<double>(teacher_rows_);
  if (rows_ == 0) return m;
  const auto rows = static_cast<double>(rows_);
  m.logloss = CrossEntropy() / rows;
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
  std::vector<BidBucket> result;
  BidBin bucket;
  int64_t rows = 0;  // up to here
  int k = 1;         // the bucket that is being filled
  for (const std::vector<BidBin>& power : bid_bins_) {
    for (const BidBin& bin : power) {
      bucket.Add(bin);
      rows += bin.rows;
      if (bucket.rows == 0 || rows < rows_ * k / buckets) continue;
      const auto n = static_cast<double>(bucket.rows);
      result.push_back({bucket.lo, bucket.hi, bucket.rows, bucket.pctr / n, static_cast<double>(bucket.clicks) / n});
      bucket = {};
      while (k < buckets && rows >= rows_ * k / buckets) ++k;
    }
  }
  return result;
}

std::vector<PredictionBucket> PredictionAccumulator::ByPrediction(int buckets) const {
  std::vector<PredictionBucket> result;
  for (const ClickedScores::Bucket& bucket : scores_.Buckets(buckets)) {
    const auto rows = static_cast<double>(bucket.rows);
    result.push_back({bucket.rows, bucket.scores / rows, static_cast<double>(bucket.clicks) / rows});
  }
  return result;
}

}  // namespace vickrey::metric
