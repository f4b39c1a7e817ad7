// For tests of losses: configurations, random batches, and the definitions written out, candidate by candidate.
#ifndef TRAINER_LOSS_LOSS_TESTING_H_
#define TRAINER_LOSS_LOSS_TESTING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "trainer/loss/loss.h"

namespace vickrey::trainer {

inline constexpr double kMasked = std::numeric_limits<double>::quiet_NaN();

// A finished configuration, from YAML.
LossConfig Config(const std::string& yaml);
LossConfig RankConfig(const std::string& yaml);  // of welfare_rank
std::string Name(const LossConfig& config);
int Outputs(const LossConfig& config);
// welfare_rank, gmadl and madl: sums over pairs by their targets.
bool HasEcpmPairs(const LossConfig& config);

// Every combination of the axes that is not refused, with and without a scale and a share of the cross-entropy, of
// every loss.
std::vector<LossConfig> EveryConfig();

struct Result {
  double value = 0;
  std::vector<double> gradient;
};

// Logits with two outputs: those of a candidate side by side.
Result Compute(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits, const Point& point,
               at::ScalarType type = at::kDouble, bool composed = false);
Result Compute(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits);

// One auction.
LossBatch One(std::vector<double> bids, std::vector<double> labels);

double Sigmoid(double u);

// The value of the loss at `logits`, with the selection of pairs that the model of `frozen` makes.
double Reference(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits,
                 const std::vector<double>& frozen, const Point& point);

enum class LabelKind { kClicks, kProbabilities };

struct RandomCase {
  LossBatch batch;
  std::vector<double> logits, no_click_logits;  // that a float holds exactly

  // What the loss reads.
  std::vector<double> LogitsFor(const LossConfig& config) const;
};

RandomCase RandomBatch(uint64_t seed, LabelKind labels, double masked = 0.15, int auctions = 6, int least = 1,
                       int most = 8);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_LOSS_TESTING_H_
