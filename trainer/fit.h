// The training loop.
#ifndef TRAINER_FIT_H_
#define TRAINER_FIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/data/dataset.h"
#include "trainer/loss/loss.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

struct FitOptions {
  std::string name;  // in reports: the model's, or teacher/FOLD
  uint64_t seed = 1;
  vickrey::config::v1::OptimizerConfig optimizer;
  vickrey::config::v1::LossConfig loss;  // finished, base_rate and scale set
  std::vector<int64_t> auctions;         // what to train on
  bool by_welfare = true;                // what the best checkpoint is chosen by: welfare, or log loss
};

// The checkpoint that was best on the validation set (the last one where that is empty), behind a rank loss's warm
// phase.
struct Fitted {
  model::TensorFile weights;
  double multiplier = 1;  // clicks / sum of predictions on the validation set; 1 where there are no clicks
  int epoch = 0;
};

// Trains `network`, which has the outputs of the loss, in place. Steps over whole auctions, in an order that is a
// function of (seed, epoch); Adam, a fresh one for the phase that begins after the loss's warm phase; in each phase the
// learning rate rises linearly over 10 % of the steps and falls as a cosine to 0. `labels` has an entry for each
// candidate of `data`; NaN: masked. Reports each epoch (EpochLine) on stderr. INTERNAL naming the step where the
// objective is no longer finite.
absl::StatusOr<Fitted> Fit(const Dataset& data, const std::vector<double>& labels, const FitOptions& options,
                           torch::Network* network);

// The learning rate of step `step` (from 0) of `steps` as a share of its peak.
double LearningRateAt(int64_t step, int64_t steps);

// Logits of the candidates of a range of auctions.
absl::StatusOr<std::vector<float>> LogitsOf(const Dataset& data, const base::IndexRange& range,
                                            const torch::Network& network);

// Calibrated probabilities, as they are served (model::Probability).
std::vector<double> ProbabilitiesOf(const std::vector<float>& logits, double multiplier);

// Clicks / sum of predictions over the labelled candidates of a range; 1 where there are no clicks. `logits` are those
// of the range.
double MultiplierFor(const Dataset& data, const base::IndexRange& range, const std::vector<float>& logits);

}  // namespace vickrey::trainer

#endif  // TRAINER_FIT_H_
