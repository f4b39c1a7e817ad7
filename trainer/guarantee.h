// What the regret of a model with teacher labels cannot exceed.
#ifndef TRAINER_GUARANTEE_H_
#define TRAINER_GUARANTEE_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "vickrey/config/v1/loss.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// E regret <= E L_teacher(f) + eps_b sqrt(2), where eps_b^2 = E sum_i (b_i (t_i - p_i))^2 and L_teacher is the rank
// loss over all pairs on the teacher's labels, with a surrogate that is nowhere below the zero-one loss.
struct Guarantee {
  // Root mean square of t - p. Where the truth is not known an estimate of a lower bound: the part that calibration
  // shows.
  double eps = 0;
  std::optional<double> eps_b;  // units of the currency
  std::optional<double> bound;  // of the mean regret; only where it is certified
  std::string_view verdict;     // "certified", or why not
};

// Over a sample, with the teacher's labels. The surrogate is the configured one, or the logistic where that is no
// bound, at its final sigma. Certified where the truth is known, bids are the values, and no prediction is cut at 1
// after calibration by `multiplier`, so that the ranking is that of the loss.
absl::StatusOr<Guarantee> GuaranteeOf(const Sample& sample, const torch::Network& network, double multiplier,
                                      const Labels& teacher, const vickrey::config::v1::LossConfig& config);

}  // namespace vickrey::trainer

#endif  // TRAINER_GUARANTEE_H_
