#ifndef SIMULATOR_SCORING_H_
#define SIMULATOR_SCORING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "simulator/outcomes.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/metric/line_metrics.h"
#include "vickrey/metric/paired.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// One model that plays.
struct Contestant {
  std::string ref;           // NAME@VERSION
  std::string loss, labels;  // what it was trained with
};

// Judges what models made of auctions, and compares the first model with each of the others:
//   1. Create;
//   2. Add each auction, in order;
//   3. Finish.
// The same auctions and outcomes give the same bytes, whoever played them: a simulation as it plays, or a merge of its
// shards. Not thread-safe.
class Scoring {
 public:
  // `outcomes` must outlive it. REQUIRES: a finished configuration.
  static absl::StatusOr<std::unique_ptr<Scoring>> Create(const vickrey::config::v1::SimulateConfig& config,
                                                         std::vector<Contestant> contestants, OutcomeWriter* outcomes);

  // `results` has the contestants' outcomes, in order, nullptr where a call was lost. The predictions of `line` are
  // overwritten. INTERNAL for an outcome that cannot be the auction's.
  absl::Status Add(const std::vector<const vickrey::v1::Outcome*>& results, vickrey::v1::AuctionLine* line);

  int64_t auctions() const { return summary_.auctions(); }

  // Closes the outcomes. Without seconds and shard, which are the caller's.
  absl::StatusOr<vickrey::v1::SimulationSummary> Finish();

 private:
  Scoring(const vickrey::config::v1::SimulateConfig& config, std::vector<Contestant> contestants,
          OutcomeWriter* outcomes)
      : config_(config), contestants_(std::move(contestants)), outcomes_(*outcomes) {}

  absl::StatusOr<vickrey::v1::OutcomeLine> Score(size_t model, const vickrey::v1::Outcome* result,
                                                 vickrey::v1::AuctionLine* line);
  void Compare(const std::vector<vickrey::v1::OutcomeLine>& lines);

  const vickrey::config::v1::SimulateConfig config_;
  const std::vector<Contestant> contestants_;
  OutcomeWriter& outcomes_;
  std::unique_ptr<auction::Mechanism> mechanism_;
  // By model:
  std::vector<std::unique_ptr<metric::LineMetrics>> metrics_;
  std::vector<metric::PairedComparison> welfare_, revenue_, regret_;
  vickrey::v1::SimulationSummary summary_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_SCORING_H_
