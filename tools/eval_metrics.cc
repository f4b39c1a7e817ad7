#include <memory>
#include <optional>
#include <string>

#include "tools/eval.h"
#include "tools/judge.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/metric/prediction.h"
#include "vickrey/metric/welfare.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::MetricsLine;

struct Flags {
  RuleFlags rules;
  int ece_bins = 10;
  int bid_buckets = 0;
  bool json = false;
};

void Add(const AuctionLine& line, metric::PredictionAccumulator* predictions) {
  for (const auto& c : line.candidates()) {
    if (c.has_pctr() && c.has_click()) predictions->Add(c.pctr(), c.click() == 1, c.bid_micros());
    if (c.has_pctr() && c.has_teacher()) predictions->AddTeacher(c.pctr(), c.teacher());
  }
  predictions->EndAuction();
}

// Sets a field where there is something to set.
template <typename M>
void Set(void (M::*setter)(double), const std::optional<double>& value, M* message) {
  if (value.has_value()) (message->*setter)(*value);
}

absl::Status Run(const Flags& flags) {
  ASSIGN_OR_RETURN(auction::Rules rules, flags.rules.Rules());
  const auction::Reserve reserve = rules.reserve;
  ASSIGN_OR_RETURN(const auto mechanism, auction::MakeMechanism(rules));
  rules.reserve = {};
  ASSIGN_OR_RETURN(const auto unreserved, auction::MakeMechanism(rules));
  metric::Blocks<metric::PredictionAccumulator> predictions(
      metric::PredictionAccumulator({.ece_bins = flags.ece_bins, .keep_by_bid = flags.bid_buckets > 0}));
  metric::Blocks<metric::WelfareAccumulator> welfare(
      metric::WelfareAccumulator(mechanism.get(), unreserved.get(), reserve));

  MetricsLine m;
  RETURN_IF_ERROR(ForEachLine<AuctionLine>([&](const AuctionLine& line) -> absl::Status {
    ASSIGN_OR_RETURN(const metric::JudgedAuction judged, Judge(line));
    RETURN_IF_ERROR(welfare.ForNextAuction().Add(line.auction_id(), judged));
    Add(line, &predictions.ForNextAuction());
    m.set_auctions(m.auctions() + 1);
    m.set_rows(m.rows() + line.candidates_size());
    for (const auto& c : line.candidates()) m.set_clicks(m.clicks() + (c.click() == 1));
    return absl::OkStatus();
  }));

  const metric::PredictionMetrics p = predictions.Total().Finalize();
  Set(&MetricsLine::set_auc, p.auc, &m);
  Set(&MetricsLine::set_auction_auc, p.auction_auc, &m);
  Set(&MetricsLine::set_logloss, p.logloss, &m);
  Set(&MetricsLine::set_normalized_entropy, p.normalized_entropy, &m);
  Set(&MetricsLine::set_calibration, p.calibration, &m);
  Set(&MetricsLine::set_ece, p.ece, &m);
  Set(&MetricsLine::set_mse_teacher, p.mse_teacher, &m);
  const metric::WelfareMetrics w = welfare.Total().Finalize();
  Set(&MetricsLine::set_misordering, w.misordering, &m);
  Set(&MetricsLine::set_welfare, w.welfare, &m);
  Set(&MetricsLine::set_oracle_welfare, w.oracle_welfare, &m);
  Set(&MetricsLine::set_regret, w.regret, &m);
  Set(&MetricsLine::set_revenue, w.revenue, &m);
  Set(&MetricsLine::set_surplus, w.surplus, &m);
  if (w.reference.has_value()) m.set_reference(std::string(metric::NameOf(*w.reference)));
  if (w.lost_ranking.has_value()) {
    Set(&MetricsLine::Lost::set_ranking, w.lost_ranking, m.mutable_lost());
    Set(&MetricsLine::Lost::set_reserve, w.lost_reserve, m.mutable_lost());
    Set(&MetricsLine::Lost::set_calibration, w.lost_calibration, m.mutable_lost());
  }
  if (flags.bid_buckets > 0) {
    for (const metric::BidBucket& bucket : predictions.Total().ByBid(flags.bid_buckets)) {
      auto& by_bid = *m.add_by_bid();
      by_bid.set_lo(bucket.lo_micros);
      by_bid.set_hi(bucket.hi_micros);
      by_bid.set_rows(bucket.rows);
      by_bid.set_mean_pctr(bucket.mean_pctr);
      by_bid.set_ctr(bucket.ctr);
    }
  }
  WriteSummary(m, flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddEvalMetrics(Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app =
      tool.AddVerb("metrics", "Judge predictions and what auctions made of them, over all auctions",
                   "vickrey market generate --scenario linear --auctions 1000 --seed 1 | vickrey eval metrics",
                   [flags] { return Run(*flags); });
  flags->rules.Declare(app);
  app.add_option("--ece-bins", flags->ece_bins, "Bins of equal width for the calibration error")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--bid-buckets", flags->bid_buckets, "Also by so many buckets of rising bid")
      ->check(CLI::Range(1, 100'000))
      ->default_str("none");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
