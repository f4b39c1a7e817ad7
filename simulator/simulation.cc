#include "simulator/simulation.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "simulator/player.h"
#include "simulator/source.h"
#include "vickrey/auction/settlement.h"
#include "vickrey/base/build_info.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"
#include "vickrey/log/record.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/metric/comparison_line.h"
#include "vickrey/metric/judge.h"
#include "vickrey/metric/line_metrics.h"
#include "vickrey/metric/paired.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::AuctionLine;
using vickrey::v1::LoggedAuction;
using vickrey::v1::Outcome;
using vickrey::v1::OutcomeLine;
using vickrey::v1::SimulationSummary;

constexpr int kPredictionBuckets = 20;
constexpr int kGiveUp = 100;  // calls that are lost in a row: the server is gone

// Whether a call failed for what the next one may not: it was lost, not refused.
bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status) ||
         absl::IsAborted(status) || absl::IsCancelled(status);
}

// At most so many calls at a time, and a way to wait for all.
class Flight {
 public:
  explicit Flight(int limit) : limit_(limit) {}
  void Depart() {
    const absl::MutexLock lock(&mu_);
    const auto free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return under_way_ < limit_; };
    mu_.Await(absl::Condition(&free));
    ++under_way_;
  }
  void Arrive() {
    const absl::MutexLock lock(&mu_);
    --under_way_;
  }
  void WaitForAll() {
    const absl::MutexLock lock(&mu_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return under_way_ == 0; };
    mu_.Await(absl::Condition(&none));
  }

 private:
  const int limit_;
  absl::Mutex mu_;
  int under_way_ ABSL_GUARDED_BY(mu_) = 0;
};

auction::Rules RulesOf(const SimulateConfig& config) {
  auction::Rules rules{.mechanism = config.mechanism()};
  if (config.has_reserve_click_micros()) {
    rules.reserve = {auction::Reserve::Kind::kClick, config.reserve_click_micros()};
  } else if (config.has_reserve_mille_micros()) {
    rules.reserve = {auction::Reserve::Kind::kMille, config.reserve_mille_micros()};
  }
  return rules;
}

// INTERNAL unless the outcome can be one of the auction: it comes from another process.
absl::Status Check(const Outcome& outcome, const AuctionLine& line) {
  bool good = outcome.pctr_size() == line.candidates_size() && outcome.placements_size() <= 1;
  for (const auto& placement : outcome.placements()) {
    good = good && placement.slot() == 1 && placement.index() >= 0 && placement.index() < line.candidates_size();
  }
  for (const double p : outcome.pctr()) good = good && p >= 0 && p <= 1;
  if (good) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("auction ", line.auction_id(),
                   ": what the server answered is no outcome of it: ", base::ToJson(outcome).substr(0, 500)));
}

// Who won, at what price, and what that was worth.
void Settle(const Outcome& outcome, const AuctionLine& line, const metric::JudgedAuction& judged, OutcomeLine* result) {
  auction::Outcome decided;
  for (const auto& placement : outcome.placements()) {
    decided.placements.push_back({placement.slot(), placement.index(), placement.score(), placement.price_micros()});
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
  const auction::Settlement settled =
      auction::Settle(decided, judged.values_micros, judged.probabilities[static_cast<size_t>(*reference)]);
  result->set_welfare(settled.welfare);
  result->set_revenue(settled.revenue);
  if (*reference != metric::Reference::kClicks) result->set_oracle_welfare(settled.oracle_welfare);
}

class Simulation {
 public:
  static absl::StatusOr<std::unique_ptr<Simulation>> Create(const SimulateConfig& config, const base::Shard& shard,
                                                            OutcomeWriter* outcomes) {
    std::unique_ptr<Simulation> simulation(new Simulation(config, outcomes));
    ASSIGN_OR_RETURN(simulation->source_, Source::Create(config, shard));
    ASSIGN_OR_RETURN(simulation->player_, Player::Create(config));
    for (size_t m = 0; m < simulation->player_->contestants().size(); ++m) {
      ASSIGN_OR_RETURN(auto metrics,
                       metric::LineMetrics::Create(RulesOf(config), {.prediction_buckets = kPredictionBuckets}));
      simulation->metrics_.push_back(std::move(metrics));
    }
    simulation->welfare_.resize(simulation->metrics_.size());
    simulation->revenue_.resize(simulation->metrics_.size());
    return simulation;
  }

  absl::StatusOr<SimulationSummary> Run() {
    const absl::Time start = absl::Now();
    base::Progress progress("simulate", "auctions", source_->size());
    while (true) {
      ASSIGN_OR_RETURN(const bool more, PlayBlock());
      if (!more) break;
      RETURN_IF_ERROR(ScoreBlock());
      progress.Update(summary_.auctions());
    }
    progress.Finish();
    (*summary_.mutable_seconds())["play"] = absl::ToDoubleSeconds(played_);
    (*summary_.mutable_seconds())["total"] = absl::ToDoubleSeconds(absl::Now() - start);
    return Finish();
  }

 private:
  Simulation(const SimulateConfig& config, OutcomeWriter* outcomes)
      : config_(config), outcomes_(*outcomes), flight_(config.in_flight()) {}

  absl::StatusOr<bool> PlayBlock() {
    auctions_.clear();
    LoggedAuction auction;
    while (static_cast<int64_t>(auctions_.size()) < metric::kBlockAuctions) {
      ASSIGN_OR_RETURN(const bool more, source_->Next(&auction));
      if (!more) break;
      auctions_.push_back(auction);
    }
    const size_t models = player_->contestants().size();
    results_.assign(auctions_.size() * models, absl::UnknownError("no answer"));
    const absl::Time start = absl::Now();
    for (size_t k = 0; k < results_.size() && lost_in_row_ < kGiveUp && base::CheckInterrupt().ok(); ++k) {
      flight_.Depart();
      player_->Play(k % models, auctions_[k / models].auction(), [this, k](absl::StatusOr<Outcome> outcome) {
        if (!outcome.ok() && IsLost(outcome.status())) {
          ++lost_in_row_;
        } else {
          lost_in_row_ = 0;
        }
        results_[k] = std::move(outcome);
        flight_.Arrive();
      });
    }
    flight_.WaitForAll();
    played_ += absl::Now() - start;
    RETURN_IF_ERROR(base::CheckInterrupt());
    if (lost_in_row_ >= kGiveUp) return GivenUp();
    return !auctions_.empty();
  }

  // Why the calls of the block were lost.
  absl::Status GivenUp() const {
    for (auto result = results_.rbegin(); result != results_.rend(); ++result) {
      if (result->ok() || !IsLost(result->status())) continue;
      return base::Annotate(result->status(), absl::StrCat(kGiveUp, " calls in a row were lost; one of them"));
    }
    return absl::UnavailableError("calls were lost");
  }

  absl::Status ScoreBlock() {
    const size_t models = player_->contestants().size();
    for (const auto& result : results_) {
      if (!result.ok() && !IsLost(result.status())) return result.status();
    }
    for (size_t a = 0; a < auctions_.size(); ++a) {
      AuctionLine auction = log::ToLine(auctions_[a]);
      std::vector<OutcomeLine> lines;
      for (size_t m = 0; m < models; ++m) {
        ASSIGN_OR_RETURN(OutcomeLine line, Score(m, results_[a * models + m], &auction));
        outcomes_.Write(line);
        lines.push_back(std::move(line));
      }
      Compare(lines);
      summary_.set_auctions(summary_.auctions() + 1);
    }
    return absl::OkStatus();
  }

  // `line`: the auction; its predictions become the model's.
  absl::StatusOr<OutcomeLine> Score(size_t model, const absl::StatusOr<Outcome>& result, AuctionLine* line) {
    OutcomeLine outcome;
    outcome.set_auction_id(line->auction_id());
    outcome.set_cluster_key(line->cluster_key());
    outcome.set_model(player_->contestants()[model].ref);
    outcome.set_missing(!result.ok());
    if (!result.ok()) {
      summary_.set_missing(summary_.missing() + 1);
      return outcome;
    }
    RETURN_IF_ERROR(Check(*result, *line));
    for (int i = 0; i < line->candidates_size(); ++i) line->mutable_candidates(i)->set_pctr(result->pctr(i));
    RETURN_IF_ERROR(metrics_[model]->Add(*line));
    ASSIGN_OR_RETURN(const metric::JudgedAuction judged, metric::Judge(*line));
    Settle(*result, *line, judged, &outcome);
    return outcome;
  }

  // The first model against each of the others, where both have an outcome.
  void Compare(const std::vector<OutcomeLine>& lines) {
    for (size_t m = 1; m < lines.size(); ++m) {
      const OutcomeLine &a = lines[0], &b = lines[m];
      if (!a.has_welfare() || !b.has_welfare()) continue;
      welfare_[m].Add(a.cluster_key(), {a.welfare(), 1}, {b.welfare(), 1});
      revenue_[m].Add(a.cluster_key(), {a.revenue(), 1}, {b.revenue(), 1});
    }
  }

  absl::StatusOr<SimulationSummary> Finish() {
    summary_.set_format(1);
    summary_.set_seed(config_.seed());
    RETURN_IF_ERROR(base::FromJson(base::ToJson(config_), summary_.mutable_config()));
    ASSIGN_OR_RETURN(*summary_.mutable_outcomes_sha256(), outcomes_.Finish());
    const base::BuildInfo build = base::GetBuildInfo();
    (*summary_.mutable_versions())["vickrey"] = build.version;
    (*summary_.mutable_versions())["commit"] = build.commit;
    const auto& contestants = player_->contestants();
    for (size_t m = 0; m < contestants.size(); ++m) {
      auto& line = *summary_.add_models();
      line = metrics_[m]->Finalize();
      line.set_ref(contestants[m].ref);
      line.set_labels(contestants[m].labels);
      line.set_loss(contestants[m].loss);
      if (m == 0) continue;
      for (const auto& [name, paired] : {std::pair("welfare", &welfare_[m]), std::pair("revenue", &revenue_[m])}) {
        auto& comparison = *summary_.add_comparisons();
        comparison = metric::LineOf(paired->ByDelta(), name, /*margin=*/0);
        comparison.set_a_model(contestants[0].ref);
        comparison.set_b_model(contestants[m].ref);
      }
    }
    return std::move(summary_);
  }

  const SimulateConfig& config_;
  OutcomeWriter& outcomes_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Player> player_;
  Flight flight_;
  // The block that is being played: its auctions, and for each the models' answers.
  std::vector<LoggedAuction> auctions_;
  std::vector<absl::StatusOr<Outcome>> results_;
  std::atomic<int> lost_in_row_ = 0;
  absl::Duration played_;
  // By model:
  std::vector<std::unique_ptr<metric::LineMetrics>> metrics_;
  std::vector<metric::PairedComparison> welfare_, revenue_;
  SimulationSummary summary_;
};

}  // namespace

absl::StatusOr<SimulationSummary> Simulate(const SimulateConfig& config, const base::Shard& shard,
                                           OutcomeWriter* outcomes) {
  ASSIGN_OR_RETURN(const auto simulation, Simulation::Create(config, shard, outcomes));
  return simulation->Run();
}

}  // namespace vickrey::simulator
