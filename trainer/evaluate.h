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
#include "trainer/data/labels.h"
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

// Sums over candidates: of all, and of those of which it is known whether they were clicked.
struct CalibrationSums {
  void Add(double prediction, double click, double label);  // a click or a label that is not known: NaN

  double predicted = 0, labels = 0;
  double clicks = 0, known_predicted = 0, known_labels = 0;
  bool all_known = true, all_labelled = true;
};

// What predictions are to be multiplied by, 1 where there are no clicks: clicks / sum of predictions, of the candidates
// that were shown.
//
// Where others were not, those that were are no sample of all: a policy picked them, and what it picks it tends to
// overestimate, and another network not by as much. If labels (a teacher's) are known of all, it is therefore
//
//   (sum of labels / sum of predictions, of all) x (clicks / sum of labels, of those that were shown)
//
// which is the same where all were shown, and corrects the labels by clicks where those are.
double MultiplierOf(const CalibrationSums& sums);

// What came of a sample under a second-price auction. Judged by the truth where it is known; else by clicks, or by
// labels (a teacher's) where only those of some candidates are known.
struct Judgement {
  vickrey::v1::MetricsLine metrics;
  double multiplier = 1;                  // of the calibration
  std::map<std::string, double> by_name;  // the metrics that are known: welfare, logloss, ...
  // Half the width of 95 % intervals of them, where `intervals` was asked for and there are enough auctions.
  std::map<std::string, double> half_widths;
};

// `multiplier` absent: the sample's own (MultiplierOf), by `labels`. Keeps 20 bytes a candidate.
//
// Intervals: the sample is cut into 20 consecutive parts, and the metric's deviation between them gives that of the
// whole by Student's t with 19 degrees of freedom, so that what is correlated within a part, in time say, counts.
absl::StatusOr<Judgement> Judge(const Sample& sample, const torch::Network& network, const Labels& labels,
                                std::optional<double> multiplier, bool intervals = false);

// A metric of EvaluationConfig such that more is better; nullopt where it is not known.
std::optional<double> ScoreOf(const std::string& metric, const Judgement& judgement);

}  // namespace vickrey::trainer

#endif  // TRAINER_EVALUATE_H_
