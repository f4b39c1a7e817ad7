// What another policy would have earned, from the log of the one that ran.
#ifndef VICKREY_METRIC_OFF_POLICY_H_
#define VICKREY_METRIC_OFF_POLICY_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/metric/paired.h"

namespace vickrey::metric {

// One decision of the logging policy.
struct LoggedDecision {
  double reward = 0;              // finite
  double propensity = 1;          // with which logging took the action, in (0, 1]
  double target_probability = 0;  // with which the target policy takes it, in [0, 1]
  // A reward model's estimates: of the logged action, and the mean over the target policy's. Both or neither, of all
  // decisions or of none.
  std::optional<double> q_logged, q_target;
  std::string_view cluster_key;  // empty: the decision stands alone
};

struct Estimate {
  std::optional<double> value;
  std::optional<Interval> ci95;
};

// The mean reward per decision of the target policy, in four ways, and what there is to say for and against them.
struct OffPolicyMetrics {
  int64_t n = 0, clusters = 0;
  double ess = 0;           // (sum w)^2 / sum w^2
  double max_weight = 0;    // after clipping
  double mean_weight = 0;   // before it
  double clipped = 0;       // the share of decisions with a clipped weight
  double zero_support = 0;  // the share that the target policy would never make
  int64_t telling = 0;      // decisions with a weight and a reward that are not 0
  std::string_view method;  // of the intervals of ips and snips: "delta", "gamma"; empty: there are none
  Estimate ips, snips;
  std::optional<Estimate> dr, dm;  // nothing without a reward model; `dm` has no interval
  std::vector<std::string> warnings;
};

// Judges a target policy by decisions of another, with w = target_probability / propensity, at most `clip`:
//
//   IPS    mean of w r                          Horvitz, Thompson, "A generalization of sampling without replacement
//                                               from a finite universe", JASA 1952
//   SNIPS  sum of w r / sum of w                Swaminathan, Joachims, "The self-normalized estimator for
//                                               counterfactual learning", NIPS 2015
//   DR     mean of q_target + w (r - q_logged)  Dudik, Langford, Li, "Doubly robust policy evaluation and learning",
//                                               ICML 2011
//   DM     mean of q_target                     the same
//
// IPS is unbiased where logging can take every action that the target takes and propensities are right; SNIPS trades a
// bias that vanishes with n for less variance; DR is unbiased if either the propensities or the reward model are right;
// DM has the reward model's bias, whatever n is, and therefore no interval. Clipping trades bias for variance.
//
// Intervals are of 95 %, by clusters; nothing with fewer than two. By the delta method as PairedSums's, of the normal
// distribution: the warnings say when that is not to be trusted. Where rewards are rare events (not negative, at most a
// tenth of the decisions, fewer than 200), such as a few dozen clicks, those of IPS and SNIPS are of the gamma
// distribution instead, which is skewed as sums of few weights are:
//
//   IPS    a sum of weights that come as a Poisson process, of which y = sum of w r over clusters is the mean and
//          v = sum of (w r)^2 the variance; the upper end counts one more event, of the greatest weight. With equal
//          weights it is Garwood's exact interval for a Poisson count; otherwise it held its level in every simulation
//          of Fay, Feuer, "Confidence intervals for directly standardized rates", Statistics in Medicine 1997
//   SNIPS  the same with the variance of the delta method; nothing where that is 0, as where one decision has all
//   weight
//
// Where no reward counted (w r is 0 in every decision) the delta method would be certain that there never is one. If
// some decision was rewarded, if only where w is 0, the gamma interval goes from 0 to that of the one event more, 3.69
// of the greatest weight and reward; if none was, or none has a weight, nothing says how large a reward might be, and
// there is no interval.
//
// Keeps 40 bytes a cluster, and the keys of those that have one. Not thread-safe.
class OffPolicyAccumulator {
 public:
  // REQUIRES: clip > 0.
  explicit OffPolicyAccumulator(double clip = std::numeric_limits<double>::infinity()) : clip_(clip) {}

  // INVALID_ARGUMENT naming the field where a value is not allowed or, as its weight, so large that sums would
  // overflow; nothing is added then.
  absl::Status Add(const LoggedDecision& decision);

  // Of no decisions: estimates without values. INVALID_ARGUMENT naming `propensity` where logging took every action
  // with certainty: what was not done then has left no trace, and no estimate can be made.
  absl::StatusOr<OffPolicyMetrics> Finalize() const;

 private:
  struct Cluster {
    double rows = 0, weight = 0, raw_weight = 0, ips = 0, dr = 0;  // sums
  };

  // A ratio of two sums over clusters.
  struct Ratio {
    double numerator = 0;  // the sum
    Estimate estimate;
    std::optional<double> standard_error;
  };
  Ratio Of(double Cluster::*numerator, double Cluster::*denominator) const;

  // Puts intervals for rare events in the place of the delta method's.
  void RefineIntervals(const Ratio& snips, OffPolicyMetrics* m) const;

  // Adds what makes the estimates doubtful. `weight` is the sum of weights, `mean_weight_error` the standard error of
  // their mean before clipping.
  void Warn(double weight, std::optional<double> mean_weight_error, OffPolicyMetrics* m) const;

  const double clip_;
  std::unordered_map<std::string, size_t> index_;  // cluster -> index into clusters_
  std::vector<Cluster> clusters_;
  int64_t n_ = 0;
  int64_t modelled_ = 0;  // decisions with a reward model's estimates
  int64_t certain_ = 0;   // with propensity 1
  int64_t never_ = 0;     // that the target would never make
  int64_t clipped_ = 0;
  int64_t telling_ = 0;  // with a reward that counts: w r is not 0
  double weight_squares_ = 0;
  double max_weight_ = 0;
  double min_reward_ = std::numeric_limits<double>::infinity(), max_reward_ = 0;
  double dm_ = 0;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_OFF_POLICY_H_
