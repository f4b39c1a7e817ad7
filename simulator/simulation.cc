#include "simulator/simulation.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "simulator/player.h"
#include "simulator/scoring.h"
#include "simulator/source.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::SimulationSummary;

// While the last answers to one block are waited for, another asks.
constexpr int kFewestAskers = 2;

int ThreadsOf(const SimulateConfig& config) {
  int threads = config.threads();
  if (threads == 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return config.scorer() == "grpc" ? std::max(threads, kFewestAskers) : threads;
}

class Simulation {
 public:
  static absl::StatusOr<std::unique_ptr<Simulation>> Create(const SimulateConfig& config, const base::Shard& shard,
                                                            OutcomeWriter* outcomes, PartWriter* part) {
    std::unique_ptr<Simulation> simulation(new Simulation(ThreadsOf(config), part));
    ASSIGN_OR_RETURN(simulation->player_, Player::Create(config));
    ASSIGN_OR_RETURN(simulation->source_, Source::Create(config, shard, simulation->player_->readers()));
    const auto& contestants = simulation->player_->contestants();
    ASSIGN_OR_RETURN(simulation->scoring_, Scoring::Create(config, contestants, outcomes));
    if (part != nullptr) RETURN_IF_ERROR(part->Start(config, shard, contestants));
    return simulation;
  }

  absl::StatusOr<SimulationSummary> Run() {
    const absl::Time start = absl::Now();
    base::Progress progress("simulate", "auctions", source_->size());
    std::vector<std::thread> threads;
    for (int t = 1; t < threads_; ++t) {
      threads.emplace_back([this, &progress] { Work(&progress); });
    }
    Work(&progress);
    for (std::thread& thread : threads) thread.join();
    {
      const absl::MutexLock lock(&turn_mu_);
      RETURN_IF_ERROR(status_);
    }
    progress.Finish();
    ASSIGN_OR_RETURN(SimulationSummary summary, scoring_->Finish());
    const absl::MutexLock lock(&turn_mu_);
    for (const auto& [step, time] : times_) (*summary.mutable_seconds())[step] = absl::ToDoubleSeconds(time);
    (*summary.mutable_seconds())["total"] = absl::ToDoubleSeconds(absl::Now() - start);
    if (part_ != nullptr) RETURN_IF_ERROR(part_->Finish(summary));
    return summary;
  }

 private:
  // What a thread made of one block; its memory is used for the next.
  struct Result {
    absl::Status status;
    Round round;
    RoundScore score;
    std::string records;  // for the part
    absl::Duration playing, judging;
  };

  Simulation(int threads, PartWriter* part) : threads_(threads), part_(part) {}

  // One thread: blocks, until there are no more or one has failed.
  void Work(base::Progress* progress) {
    Result result;
    while (true) {
      int64_t number = 0;
      absl::StatusOr<std::unique_ptr<Block>> block;
      {
        const absl::MutexLock lock(&source_mu_);
        if (ended_) return;
        number = next_;
        block = source_->Next();
        ended_ = !block.ok() || *block == nullptr;
        if (block.ok() && *block == nullptr) return;
        ++next_;
      }
      result.status = block.ok() ? PlayAndJudge(block->get(), &result) : block.status();
      if (!AddInTurn(number, result, progress)) {
        const absl::MutexLock lock(&source_mu_);
        ended_ = true;
        return;
      }
    }
  }

  absl::Status PlayAndJudge(Block* block, Result* result) {
    const absl::Time start = absl::Now();
    result->round.Clear();
    RETURN_IF_ERROR(player_->Play(block, &result->round));
    const absl::Time played = absl::Now();
    result->playing = played - start;
    RETURN_IF_ERROR(scoring_->Judge(result->round, &result->score));
    if (part_ != nullptr) result->records = PartWriter::RecordsOf(result->round);
    result->judging = absl::Now() - played;
    return absl::OkStatus();
  }

  // Waits until all blocks before were added. The first block that fails decides, whichever thread was first. Whether
  // there is a use in going on.
  bool AddInTurn(int64_t number, const Result& result, base::Progress* progress) {
    const absl::MutexLock lock(&turn_mu_);
    const auto my_turn = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_mu_) { return added_ == number || !status_.ok(); };
    turn_mu_.Await(absl::Condition(&my_turn));
    if (!status_.ok()) return false;
    const absl::Time start = absl::Now();
    status_ = result.status;
    if (status_.ok()) status_ = scoring_->Add(result.score);
    if (status_.ok() && part_ != nullptr) status_ = part_->Write(result.records);
    if (!status_.ok()) return false;
    times_["play"] += result.playing;
    times_["judge"] += result.judging;
    times_["add"] += absl::Now() - start;
    progress->Update(scoring_->auctions());
    ++added_;
    return true;
  }

  const int threads_;
  PartWriter* const part_;
  std::unique_ptr<Player> player_;
  std::unique_ptr<Scoring> scoring_;  // Judge from any thread; what changes it in turn

  absl::Mutex source_mu_;
  std::unique_ptr<Source> source_;                  // asked under source_mu_
  int64_t next_ ABSL_GUARDED_BY(source_mu_) = 0;    // the next block's number
  bool ended_ ABSL_GUARDED_BY(source_mu_) = false;  // no block is begun any more

  absl::Mutex turn_mu_;
  int64_t added_ ABSL_GUARDED_BY(turn_mu_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(turn_mu_);
  std::map<std::string, absl::Duration> times_ ABSL_GUARDED_BY(turn_mu_);  // step -> over all threads
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
