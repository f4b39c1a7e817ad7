#include "simulator/scoring.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/auction/settlement.h"
#include "vickrey/base/build_info.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/decision/rules.h"
#include "vickrey/metric/comparison_line.h"
#include "vickrey/metric/judge.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::AuctionLine;
using vickrey::v1::Outcome;
using vickrey::v1::OutcomeLine;
using vickrey::v1::SimulationSummary;

constexpr int kPredictionBuckets = 20;

// INTERNAL unless the outcome can be one of the auction in so many slots: it comes from another process.
absl::Status Check(const Outcome& outcome, const AuctionLine& line, int slots) {
  bool good = outcome.pctr_size() == line.candidates_size() && outcome.placements_size() <= slots;
  for (int k = 0; k < outcome.placements_size(); ++k) {
    const auto& placement = outcome.placements(k);
    good = good && placement.slot() == k + 1 && placement.index() >= 0 && placement.index() < line.candidates_size();
    good = good && placement.examination() > 0 && placement.examination() <= 1;
  }
  for (const double p : outcome.pctr()) good = good && p >= 0 && p <= 1;
  if (good) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("auction ", line.auction_id(),
                   ": what the server answered is no outcome of it: ", base::ToJson(outcome).substr(0, 500)));
}

// Who won the first slot, at what price, and what all slots were worth.
void Settle(const Outcome& outcome, const AuctionLine& line, const metric::JudgedAuction& judged,
            std::span<const double> multipliers, OutcomeLine* result) {
  auction::Outcome decided;
  for (const auto& placement : outcome.placements()) {
    decided.placements.push_back(
        {placement.slot(), placement.index(), placement.score(), placement.price_micros(), placement.examination()});
    if (placement.slot() != 1) continue;
    const auto& winner = line.candidates(placement.index());
    result->set_index(placement.index());
    result->set_ad_id(placement.ad_id());
    result->set_score(placement.score());
    result->set_pctr(outcome.pctr(placement.index()));
    result->set_price_micros(placement.price_micros());
    if (winner.has_click()) result->set_clicked(winner.click() == 1);
  }
  const auto reference = judged.BestReference();
  if (!reference.has_value()) return;
  const auction::Settlement settled = auction::Settle(decided, multipliers, judged.values_micros,
                                                      judged.probabilities[static_cast<size_t>(*reference)]);
  result->set_welfare(settled.welfare);
  result->set_revenue(settled.revenue);
  if (*reference != metric::Reference::kClicks) result->set_oracle_welfare(settled.oracle_welfare);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scoring>> Scoring::Create(const SimulateConfig& config,
                                                         std::vector<Contestant> contestants, OutcomeWriter* outcomes) {
  std::unique_ptr<Scoring> scoring(new Scoring(config, std::move(contestants), outcomes));
  ASSIGN_OR_RETURN(const auction::Rules rules, decision::ReadRules(decision::RulesOf(config), ""));
  ASSIGN_OR_RETURN(scoring->mechanism_, auction::MakeMechanism(rules));
  const size_t models = scoring->contestants_.size();
  for (size_t m = 0; m < models; ++m) {
    ASSIGN_OR_RETURN(auto metrics, metric::LineMetrics::Create(rules, {.prediction_buckets = kPredictionBuckets}));
    scoring->metrics_.push_back(std::move(metrics));
  }
  scoring->welfare_.resize(models);
  scoring->revenue_.resize(models);
  scoring->regret_.resize(models);
  return scoring;
}

absl::Status Scoring::Add(const std::vector<const Outcome*>& results, AuctionLine* line) {
  std::vector<OutcomeLine> lines;
  for (size_t m = 0; m < results.size(); ++m) {
    ASSIGN_OR_RETURN(OutcomeLine outcome, Score(m, results[m], line));
    outcomes_.Write(outcome);
    lines.push_back(std::move(outcome));
  }
  Compare(lines);
  summary_.set_auctions(summary_.auctions() + 1);
  return absl::OkStatus();
}

absl::StatusOr<OutcomeLine> Scoring::Score(size_t model, const Outcome* result, AuctionLine* line) {
  OutcomeLine outcome;
  outcome.set_auction_id(line->auction_id());
  outcome.set_cluster_key(line->cluster_key());
  outcome.set_model(contestants_[model].ref);
  outcome.set_missing(result == nullptr);
  if (result == nullptr) {
    summary_.set_missing(summary_.missing() + 1);
    return outcome;
  }
  RETURN_IF_ERROR(Check(*result, *line, config_.slots()));
  for (int i = 0; i < line->candidates_size(); ++i) line->mutable_candidates(i)->set_pctr(result->pctr(i));
  RETURN_IF_ERROR(metrics_[model]->Add(*line));
  ASSIGN_OR_RETURN(const metric::JudgedAuction judged, metric::Judge(*line));
  Settle(*result, *line, judged, mechanism_->position_multipliers(), &outcome);
  return outcome;
}

// The first model against each of the others, where both have an outcome.
void Scoring::Compare(const std::vector<OutcomeLine>& lines) {
  for (size_t m = 1; m < lines.size(); ++m) {
    const OutcomeLine &a = lines[0], &b = lines[m];
    if (!a.has_welfare() || !b.has_welfare()) continue;
    welfare_[m].Add(a.cluster_key(), {a.welfare(), 1}, {b.welfare(), 1});
    revenue_[m].Add(a.cluster_key(), {a.revenue(), 1}, {b.revenue(), 1});
    if (!a.has_oracle_welfare()) continue;
    regret_[m].Add(a.cluster_key(), {a.oracle_welfare() - a.welfare(), 1}, {b.oracle_welfare() - b.welfare(), 1});
  }
}

absl::StatusOr<SimulationSummary> Scoring::Finish() {
  summary_.set_format(1);
  summary_.set_seed(config_.seed());
  RETURN_IF_ERROR(base::FromJson(base::ToJson(config_), summary_.mutable_config()));
  ASSIGN_OR_RETURN(*summary_.mutable_outcomes_sha256(), outcomes_.Finish());
  const base::BuildInfo build = base::GetBuildInfo();
  (*summary_.mutable_versions())["vickrey"] = build.version;
  (*summary_.mutable_versions())["commit"] = build.commit;
  for (size_t m = 0; m < contestants_.size(); ++m) {
    auto& line = *summary_.add_models();
    line = metrics_[m]->Finalize();
    line.set_ref(contestants_[m].ref);
    line.set_labels(contestants_[m].labels);
    line.set_loss(contestants_[m].loss);
    if (m == 0) continue;
    const std::pair<const char*, const metric::PairedComparison*> metrics[] = {
        {"welfare", &welfare_[m]}, {"revenue", &revenue_[m]}, {"regret", &regret_[m]}};
    for (const auto& [name, paired] : metrics) {
      const metric::Comparison found = paired->ByDelta();
      if (paired == &regret_[m] && found.auctions == 0) continue;  // no oracle
      auto& comparison = *summary_.add_comparisons();
      comparison = metric::LineOf(found, name, /*margin=*/0);
      comparison.set_a_model(contestants_[0].ref);
      comparison.set_b_model(contestants_[m].ref);
    }
  }
  return std::move(summary_);
}

}  // namespace vickrey::simulator
