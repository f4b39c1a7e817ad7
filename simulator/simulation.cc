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
#include "simulator/scoring.h"
#include "simulator/source.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"
#include "vickrey/log/record.h"
#include "vickrey/metric/blocks.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::AuctionLine;
using vickrey::v1::LoggedAuction;
using vickrey::v1::Outcome;
using vickrey::v1::SimulationSummary;

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

class Simulation {
 public:
  static absl::StatusOr<std::unique_ptr<Simulation>> Create(const SimulateConfig& config, const base::Shard& shard,
                                                            OutcomeWriter* outcomes, PartWriter* part) {
    std::unique_ptr<Simulation> simulation(new Simulation(config.in_flight(), part));
    ASSIGN_OR_RETURN(simulation->source_, Source::Create(config, shard));
    ASSIGN_OR_RETURN(simulation->player_, Player::Create(config));
    const auto& contestants = simulation->player_->contestants();
    ASSIGN_OR_RETURN(simulation->scoring_, Scoring::Create(config, contestants, outcomes));
    if (part != nullptr) RETURN_IF_ERROR(part->Start(config, shard, contestants));
    return simulation;
  }

  absl::StatusOr<SimulationSummary> Run() {
    const absl::Time start = absl::Now();
    base::Progress progress("simulate", "auctions", source_->size());
    while (true) {
      ASSIGN_OR_RETURN(const bool more, PlayBlock());
      if (!more) break;
      RETURN_IF_ERROR(ScoreBlock());
      progress.Update(scoring_->auctions());
    }
    progress.Finish();
    ASSIGN_OR_RETURN(SimulationSummary summary, scoring_->Finish());
    (*summary.mutable_seconds())["play"] = absl::ToDoubleSeconds(played_);
    (*summary.mutable_seconds())["total"] = absl::ToDoubleSeconds(absl::Now() - start);
    if (part_ != nullptr) RETURN_IF_ERROR(part_->Finish(summary));
    return summary;
  }

 private:
  Simulation(int in_flight, PartWriter* part) : part_(part), flight_(in_flight) {}

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
    std::vector<const Outcome*> outcomes(models);
    for (size_t a = 0; a < auctions_.size(); ++a) {
      for (size_t m = 0; m < models; ++m) {
        const auto& result = results_[a * models + m];
        outcomes[m] = result.ok() ? &*result : nullptr;
      }
      AuctionLine line = log::ToLine(auctions_[a]);
      if (part_ != nullptr) part_->Write(line, outcomes);
      RETURN_IF_ERROR(scoring_->Add(outcomes, &line));
    }
    return absl::OkStatus();
  }

  PartWriter* const part_;  // or nullptr
  std::unique_ptr<Source> source_;
  std::unique_ptr<Player> player_;
  std::unique_ptr<Scoring> scoring_;
  Flight flight_;
  // The block that is being played: its auctions, and for each the models' answers.
  std::vector<LoggedAuction> auctions_;
  std::vector<absl::StatusOr<Outcome>> results_;
  std::atomic<int> lost_in_row_ = 0;
  absl::Duration played_;
};

}  // namespace

absl::StatusOr<SimulationSummary> Simulate(const SimulateConfig& config, const base::Shard& shard,
                                           OutcomeWriter* outcomes, PartWriter* part) {
  ASSIGN_OR_RETURN(const auto simulation, Simulation::Create(config, shard, outcomes, part));
  ASSIGN_OR_RETURN(SimulationSummary summary, simulation->Run());
  if (shard.count > 1) summary.set_shard(absl::StrCat(shard.index, "/", shard.count));
  return summary;
}

}  // namespace vickrey::simulator
