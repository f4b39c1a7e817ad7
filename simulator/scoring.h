#ifndef SIMULATOR_SCORING_H_
#define SIMULATOR_SCORING_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "simulator/outcomes.h"
#include "simulator/round.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/metric/line_metrics.h"
#include "vickrey/metric/off_policy.h"
#include "vickrey/metric/paired.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// One model that plays.
struct Contestant {
  std::string ref;           // NAME@VERSION
  std::string loss, labels;  // what it was trained with
};

// What a round came to.
struct RoundScore {
  int64_t auctions = 0, missing = 0;
  std::string outcomes;                  // lines of the outcomes file
  std::vector<metric::LineSums> models;  // of the auctions that the model answered
  // By model, against the first; that of the first is empty. Of auctions that both answered.
  struct Pairs {
    metric::PairedSums welfare, revenue, regret;
  };
  std::vector<Pairs> pairs;
  std::vector<std::vector<metric::LoggedDecision>> decisions;          // by model; their keys point into the round
  std::array<int64_t, metric::kReferences.size() + 1> judged_by = {};  // auctions by best reference; last: none
  int64_t choices = 0;                                                 // auctions of more than one candidate
};

// Judges what models made of auctions, and compares the first model with each of the others:
//   1. Create;
//   2. Judge each round, from any thread;
//   3. Add what that came to, in the order of the rounds;
//   4. Finish.
// Rounds are metric::kBlockAuctions auctions, but for the last. The same rounds give the same bytes, whoever played
// them: a simulation as it plays, or a merge of its shards. Memory grows with named clusters and, in a replay, with
// logged decisions, but not with auctions. Judge is thread-safe, the others are not.
class Scoring {
 public:
  // `outcomes` must outlive it. REQUIRES: a finished configuration.
  static absl::StatusOr<std::unique_ptr<Scoring>> Create(const vickrey::config::v1::SimulateConfig& config,
                                                         std::vector<Contestant> contestants, OutcomeWriter* outcomes);

  // INTERNAL for an answer that cannot be right: predictions that no auction takes, or a sale that does not follow from
  // them.
  // `score` is overwritten, and its memory used again; it points into the round.
  absl::Status Judge(const Round& round, RoundScore* score) const;
  absl::Status Add(const RoundScore& score);

  int64_t auctions() const { return summary_.auctions(); }

  // Closes the outcomes. Without seconds and shard, which are the caller's.
  absl::StatusOr<vickrey::v1::SimulationSummary> Finish();

 private:
  // What an auction came to with one model; money in units of the currency.
  struct Sale {
    bool missing = false;
    int32_t winner = -1;  // of the first slot
    int64_t price_micros = 0;
    bool judged = false;
    double welfare = 0, revenue = 0;
  };
  struct References;

  Scoring(const vickrey::config::v1::SimulateConfig& config, std::vector<Contestant> contestants,
          OutcomeWriter* outcomes)
      : config_(config), contestants_(std::move(contestants)), outcomes_(*outcomes) {}

  absl::Status AddModel(const Round& round, const References& references, size_t model, std::vector<Sale>* sales,
                        RoundScore* score) const;
  void AddDecisions(const Round& round, const Round::Answers& answers, const std::vector<int32_t>& winners,
                    std::vector<metric::LoggedDecision>* decisions) const;
  void Compare(const Round& round, const References& references, const std::vector<std::vector<Sale>>& sales,
               RoundScore* score) const;
  void WriteLines(const Round& round, const References& references, const std::vector<std::vector<Sale>>& sales,
                  RoundScore* score) const;
  absl::Status FinishModel(size_t model, vickrey::v1::MetricsLine* line);
  void Warn(const std::vector<metric::Comparison>& welfare);

  const vickrey::config::v1::SimulateConfig config_;
  const std::vector<Contestant> contestants_;
  OutcomeWriter& outcomes_;
  // By model:
  std::vector<std::unique_ptr<metric::LineMetrics>> metrics_;
  std::vector<RoundScore::Pairs> pairs_;
  std::vector<metric::OffPolicyAccumulator> off_policy_;
  std::vector<int64_t> decisions_;
  std::array<int64_t, metric::kReferences.size() + 1> judged_by_ = {};
  int64_t choices_ = 0;
  vickrey::v1::SimulationSummary summary_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_SCORING_H_
