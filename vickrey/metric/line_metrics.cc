#include "vickrey/metric/line_metrics.h"

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

LineMetrics::LineMetrics(Options options, std::unique_ptr<auction::Mechanism> mechanism,
                         std::unique_ptr<auction::Mechanism> unreserved)
    : options_(options),
      mechanism_(std::move(mechanism)),
      unreserved_(std::move(unreserved)),
      predictions_(PredictionAccumulator({.ece_bins = options.ece_bins, .keep_by_bid = options.bid_buckets > 0})),
      welfare_(WelfareAccumulator(mechanism_.get(), unreserved_.get())) {}

absl::StatusOr<std::unique_ptr<LineMetrics>> LineMetrics::Create(auction::Rules rules, Options options) {
  ASSIGN_OR_RETURN(auto mechanism, auction::MakeMechanism(rules));
  rules.reserve = {};
  ASSIGN_OR_RETURN(auto unreserved, auction::MakeMechanism(rules));
  return std::unique_ptr<LineMetrics>(new LineMetrics(options, std::move(mechanism), std::move(unreserved)));
}

absl::Status LineMetrics::Add(const AuctionLine& line) {
  ASSIGN_OR_RETURN(const JudgedAuction judged, Judge(line));
  RETURN_IF_ERROR(welfare_.ForNextAuction().Add(line.auction_id(), judged));
  PredictionAccumulator& predictions = predictions_.ForNextAuction();
  ++auctions_;
  for (const auto& c : line.candidates()) {
    ++rows_;
    clicks_ += c.click() == 1;
    if (c.has_pctr() && c.has_click()) predictions.Add(c.pctr(), c.click() == 1, c.bid_micros());
    if (c.has_pctr() && c.has_teacher()) predictions.AddTeacher(c.pctr(), c.teacher());
  }
  predictions.EndAuction();
  return absl::OkStatus();
}

MetricsLine LineMetrics::Finalize() {
  MetricsLine m;
  m.set_auctions(auctions_);
  m.set_rows(rows_);
  m.set_clicks(clicks_);
  SetPredictions(predictions_.Total().Finalize(), &m);
  SetWelfare(welfare_.Total().Finalize(), &m);
  if (options_.bid_buckets > 0) {
    for (const BidBucket& bucket : predictions_.Total().ByBid(options_.bid_buckets)) {
      auto& by_bid = *m.add_by_bid();
      by_bid.set_lo(bucket.lo_micros);
      by_bid.set_hi(bucket.hi_micros);
      by_bid.set_rows(bucket.rows);
      by_bid.set_mean_pctr(bucket.mean_pctr);
      by_bid.set_ctr(bucket.ctr);
    }
  }
  if (options_.prediction_buckets > 0) {
    for (const PredictionBucket& bucket : predictions_.Total().ByPrediction(options_.prediction_buckets)) {
      auto& by_prediction = *m.add_by_prediction();
      by_prediction.set_rows(bucket.rows);
      by_prediction.set_mean_pctr(bucket.mean_pctr);
      by_prediction.set_ctr(bucket.ctr);
    }
  }
  return m;
}

}  // namespace vickrey::metric
