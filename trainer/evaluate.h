// How good a network is on some auctions.
#ifndef TRAINER_EVALUATE_H_
#define TRAINER_EVALUATE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/data/grouping.h"
#include "vickrey/torch/network.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {

// Logits of a chunk's candidates.
absl::StatusOr<std::vector<float>> LogitsOf(const Chunk& chunk, const torch::Network& network);

// Calibrated probabilities, as they are served (model::Probability).
std::vector<double> ProbabilitiesOf(const std::vector<float>& logits, double multiplier);

// Calls f(chunk, its logits) on a sample, a few auctions at a time.
absl::Status ForEachScored(const Sample& sample, const torch::Network& network,
                           absl::FunctionRef<absl::Status(const Chunk&, const std::vector<float>&)> f);

// What came of a sample under a second-price auction. Judged by the truth where it is known, else by clicks.
struct Judgement {
  vickrey::v1::MetricsLine metrics;
  double multiplier = 1;                  // of the calibration
  std::map<std::string, double> by_name;  // the metrics that are known: welfare, logloss, ...
  // Half the width of 95 % intervals of them, where `intervals` was asked for and there are enough auctions.
  std::map<std::string, double> half_widths;
};

// `multiplier` absent: clicks / sum of predictions of the sample, 1 where there are no clicks. Keeps 20 bytes a
// candidate.
//
// Intervals: the sample is cut into 20 consecutive parts, and the metric's deviation between them gives that of the
// whole by Student's t with 19 degrees of freedom, so that what is correlated within a part, in time say, counts.
absl::StatusOr<Judgement> Judge(const Sample& sample, const torch::Network& network, std::optional<double> multiplier,
                                bool intervals = false);

// A metric of EvaluationConfig such that more is better; nullopt where it is not known.
std::optional<double> ScoreOf(const std::string& metric, const Judgement& judgement);

}  // namespace vickrey::trainer

#endif  // TRAINER_EVALUATE_H_
