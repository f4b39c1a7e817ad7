#include "vickrey/metric/line_metrics.h"

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "vickrey/base/status.h"
#include "vickrey/metric/judge.h"

namespace vickrey::metric {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::MetricsLine;

// Sets a field where there is something to set.
template <typename M>
void Set(void (M::*setter)(double), const std::optional<double>& value, M* message) {
  if (value.has_value()) (message->*setter)(*value);
}

void SetPredictions(const PredictionMetrics& p, MetricsLine* m) {
  Set(&MetricsLine::set_auc, p.auc, m);
  Set(&MetricsLine::set_auction_auc, p.auction_auc, m);
  Set(&MetricsLine::set_logloss, p.logloss, m);
  Set(&MetricsLine::set_normalized_entropy, p.normalized_entropy, m);
  Set(&MetricsLine::set_calibration, p.calibration, m);
  Set(&MetricsLine::set_ece, p.ece, m);
  Set(&MetricsLine::set_mse_teacher, p.mse_teacher, m);
}

void SetWelfare(const WelfareMetrics& w, MetricsLine* m) {
  Set(&MetricsLine::set_misordering, w.misordering, m);
  Set(&MetricsLine::set_welfare, w.welfare, m);
  Set(&MetricsLine::set_oracle_welfare, w.oracle_welfare, m);
  Set(&MetricsLine::set_regret, w.regret, m);
  Set(&MetricsLine::set_revenue, w.revenue, m);
  Set(&MetricsLine::set_surplus, w.surplus, m);
  Set(&MetricsLine::set_winner_calibration, w.winner_calibration, m);
  if (w.reference.has_value()) m->set_reference(std::string(NameOf(*w.reference)));
  if (w.welfare.has_value()) m->set_sold(w.sold);
  if (!w.lost_ranking.has_value()) return;
  Set(&MetricsLine::Lost::set_ranking, w.lost_ranking, m->mutable_lost());
  Set(&MetricsLine::Lost::set_reserve, w.lost_reserve, m->mutable_lost());
  Set(&MetricsLine::Lost::set_calibration, w.lost_calibration, m->mutable_lost());
}

}  // namespace

LineSums::LineSums(LineOptions options, const auction::Mechanism* mechanism, const auction::Mechanism* unreserved)
    : options_(options),
      predictions_({.ece_bins = options.ece_bins, .keep_by_bid = options.bid_buckets > 0}),
      welfare_(mechanism, unreserved) {}

absl::Status LineSums::Add(const JudgedBatch& batch) {
  RETURN_IF_ERROR(welfare_.Add(batch));
  AddPredictions(batch);
  return absl::OkStatus();
}

absl::Status LineSums::Add(std::string_view auction_id, const JudgedAuction& judged) {
  RETURN_IF_ERROR(welfare_.Add(auction_id, judged));
  std::array<int64_t, 2> offsets;
  AddPredictions(BatchOf(judged, &offsets));
  return absl::OkStatus();
}

void LineSums::AddPredictions(const JudgedBatch& batch) {
  const auto& [bids, all_pctrs, offsets] = batch.auctions;
  const std::span<const double> pctrs = all_pctrs.empty() ? batch.known_pctrs : all_pctrs;
  for (size_t a = 0; a < batch.auctions.auctions(); ++a) {
    for (int64_t i = offsets[a]; i < offsets[a + 1]; ++i) {
      const int8_t click = batch.clicks.empty() ? kUnknownClick : batch.clicks[i];
      clicks_ += click == 1;
      if (pctrs.empty() || std::isnan(pctrs[i])) continue;
      if (click != kUnknownClick) predictions_.Add(pctrs[i], click == 1, bids[i]);
      if (!batch.teachers.empty() && !std::isnan(batch.teachers[i])) {
        predictions_.AddTeacher(pctrs[i], batch.teachers[i]);
      }
    }
    predictions_.EndAuction();
  }
  auctions_ += static_cast<int64_t>(batch.auctions.auctions());
  rows_ += static_cast<int64_t>(bids.size());
}

void LineSums::Merge(const LineSums& other) {
  predictions_.Merge(other.predictions_);
  welfare_.Merge(other.welfare_);
  auctions_ += other.auctions_;
  rows_ += other.rows_;
  clicks_ += other.clicks_;
}

LineMetrics::LineMetrics(Options options, std::unique_ptr<auction::Mechanism> mechanism,
                         std::unique_ptr<auction::Mechanism> unreserved)
    : options_(options), mechanism_(std::move(mechanism)), unreserved_(std::move(unreserved)), sums_(EmptyBlock()) {}

LineSums LineMetrics::EmptyBlock() const { return {options_, mechanism_.get(), unreserved_.get()}; }

absl::StatusOr<std::unique_ptr<LineMetrics>> LineMetrics::Create(auction::Rules rules, Options options) {
  ASSIGN_OR_RETURN(auto mechanism, auction::MakeMechanism(rules));
  rules.reserve = {};
  ASSIGN_OR_RETURN(auto unreserved, auction::MakeMechanism(rules));
  return std::unique_ptr<LineMetrics>(new LineMetrics(options, std::move(mechanism), std::move(unreserved)));
}

absl::Status LineMetrics::Add(const AuctionLine& line) {
  ASSIGN_OR_RETURN(const JudgedAuction judged, Judge(line));
  return sums_.ForNextAuction().Add(line.auction_id(), judged);
}

MetricsLine LineSums::Finalize() const {
  MetricsLine m;
  m.set_auctions(auctions_);
  m.set_rows(rows_);
  m.set_clicks(clicks_);
  SetPredictions(predictions_.Finalize(), &m);
  SetWelfare(welfare_.Finalize(), &m);
  if (options_.bid_buckets > 0) {
    for (const BidBucket& bucket : predictions_.ByBid(options_.bid_buckets)) {
      auto& by_bid = *m.add_by_bid();
      by_bid.set_lo(bucket.lo_micros);
      by_bid.set_hi(bucket.hi_micros);
      by_bid.set_rows(bucket.rows);
      by_bid.set_mean_pctr(bucket.mean_pctr);
      by_bid.set_ctr(bucket.ctr);
    }
  }
  if (options_.prediction_buckets > 0) {
    for (const PredictionBucket& bucket : predictions_.ByPrediction(options_.prediction_buckets)) {
      auto& by_prediction = *m.add_by_prediction();
      by_prediction.set_rows(bucket.rows);
      by_prediction.set_mean_pctr(bucket.mean_pctr);
      by_prediction.set_ctr(bucket.ctr);
    }
  }
  return m;
}

}  // namespace vickrey::metric
