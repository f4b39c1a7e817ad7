#include "vickrey/metric/off_policy.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/status.h"
#include "vickrey/metric/gamma.h"

namespace vickrey::metric {
namespace {

constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
// Of weights, rewards and estimates: what sums of their products and squares still hold as doubles.
constexpr double kLargest = 1e75;
constexpr int64_t kFewTelling = 30;
constexpr double kFewEffective = 100, kLittleEffective = 0.01, kHeavy = 0.1;
constexpr int64_t kRare = 200, kRareOneOf = 10;  // rewards that are rare events: fewer, and not more often
constexpr double kRounding = 1e-9;               // of a mean weight of 1

absl::Status Check(const LoggedDecision& d, bool first, bool modelled) {
  const auto must = [](std::string_view field, double value, std::string_view what) {
    return base::InvalidField(field, absl::StrCat(value, " is not ", std::string(what)));
  };
  const auto good = [](double value) { return std::abs(value) <= kLargest; };  // and no NaN
  constexpr std::string_view kNumber = "a finite number of at most 1e75";
  if (!good(d.reward)) return must("reward", d.reward, kNumber);
  if (!(d.propensity > 0 && d.propensity <= 1)) {
    return must("propensity", d.propensity, "in (0, 1]; it is the probability with which the action was taken");
  }
  if (!(d.target_probability >= 0 && d.target_probability <= 1)) {
    return must("target_probability", d.target_probability, "a probability in [0, 1]");
  }
  if (!good(d.target_probability / d.propensity)) {
    return must("propensity", d.propensity, "large enough: the weight target_probability / propensity is above 1e75");
  }
  if (d.q_logged.has_value() != d.q_target.has_value()) {
    return base::InvalidField(d.q_logged.has_value() ? "q_target" : "q_logged", "is missing; give both or neither");
  }
  if (!first && d.q_logged.has_value() != modelled) {
    return base::InvalidField("q_logged", modelled ? "is missing, and decisions before have it; give it for all or none"
                                                   : "is given, and decisions before lack it; give it for all or none");
  }
  if (d.q_logged.has_value() && !good(*d.q_logged)) return must("q_logged", *d.q_logged, kNumber);
  if (d.q_target.has_value() && !good(*d.q_target)) return must("q_target", *d.q_target, kNumber);
  return absl::OkStatus();
}

}  // namespace

absl::Status OffPolicyAccumulator::Add(const LoggedDecision& d) {
  RETURN_IF_ERROR(Check(d, n_ == 0, modelled_ > 0));
  const double raw = d.target_probability / d.propensity;
  const double weight = std::min(raw, clip_);
  size_t at = clusters_.size();
  if (!d.cluster_key.empty()) at = index_.try_emplace(std::string(d.cluster_key), at).first->second;
  if (at == clusters_.size()) clusters_.emplace_back();
  Cluster& cluster = clusters_[at];
  ++cluster.rows;
  cluster.weight += weight;
  cluster.raw_weight += raw;
  cluster.ips += weight * d.reward;
  if (d.q_logged.has_value()) {
    cluster.dr += *d.q_target + weight * (d.reward - *d.q_logged);
    dm_ += *d.q_target;
    ++modelled_;
  }
  ++n_;
  certain_ += d.propensity == 1;
  never_ += d.target_probability == 0;
  clipped_ += raw > clip_;
  telling_ += weight * d.reward != 0;
  weight_squares_ += weight * weight;
  max_weight_ = std::max(max_weight_, weight);
  min_reward_ = std::min(min_reward_, d.reward);
  max_reward_ = std::max(max_reward_, d.reward);
  return absl::OkStatus();
}

absl::StatusOr<OffPolicyMetrics> OffPolicyAccumulator::Finalize() const {
  OffPolicyMetrics m;
  if (n_ == 0) return m;
  if (certain_ == n_) {
    return base::InvalidField(
        "propensity",
        "is 1 in every decision: logging took its action with certainty, so nothing is known of what another policy "
        "would do; log with exploration, and the probability of the action that was taken");
  }
  const auto n = static_cast<double>(n_);
  const Ratio weight = Of(&Cluster::weight, &Cluster::rows), raw_weight = Of(&Cluster::raw_weight, &Cluster::rows);
  m.n = n_;
  m.clusters = static_cast<int64_t>(clusters_.size());
  m.ess = weight_squares_ > 0 ? weight.numerator * weight.numerator / weight_squares_ : 0;
  m.max_weight = max_weight_;
  m.mean_weight = raw_weight.estimate.value.value_or(0);
  m.clipped = static_cast<double>(clipped_) / n;
  m.zero_support = static_cast<double>(never_) / n;
  m.ips = Of(&Cluster::ips, &Cluster::rows).estimate;
  const Ratio snips = Of(&Cluster::ips, &Cluster::weight);
  m.snips = snips.estimate;
  m.telling = telling_;
  if (m.ips.ci95.has_value()) m.method = "delta";
  RefineIntervals(snips, &m);
  if (modelled_ > 0) {
    m.dr = Of(&Cluster::dr, &Cluster::rows).estimate;
    m.dm = Estimate{.value = dm_ / n};
  }
  Warn(weight.numerator, raw_weight.standard_error, &m);
  return m;
}

// With e_g = (numerator_g - R denominator_g) / sum of denominators for cluster g, the variance of the ratio R is
// G / (G - 1) sum_g e_g^2.
OffPolicyAccumulator::Ratio OffPolicyAccumulator::Of(double Cluster::*numerator, double Cluster::*denominator) const {
  Ratio ratio;
  double sum = 0;
  for (const Cluster& c : clusters_) {
    ratio.numerator += c.*numerator;
    sum += c.*denominator;
  }
  if (sum == 0) return ratio;
  const double value = ratio.numerator / sum;
  ratio.estimate.value = value;
  if (clusters_.size() < 2) return ratio;
  double squares = 0;
  for (const Cluster& c : clusters_) {
    const double e = (c.*numerator - value * c.*denominator) / sum;
    squares += e * e;
  }
  const auto clusters = static_cast<double>(clusters_.size());
  ratio.standard_error = std::sqrt(clusters / (clusters - 1) * squares);
  ratio.estimate.ci95 = Interval{value - kZ * *ratio.standard_error, value + kZ * *ratio.standard_error};
  return ratio;
}

namespace {

// A mean and its variance as those of a gamma distribution, of no event where both are 0; `next` is what one more event
// of the greatest weight adds.
Interval GammaInterval(double mean, double variance, double next) {
  const auto quantile = [](double m, double v, double p) { return m == 0 ? 0 : v / m * GammaQuantile(m * m / v, p); };
  return {quantile(mean, variance, 0.025), quantile(mean + next, variance + next * next, 0.975)};
}

}  // namespace

void OffPolicyAccumulator::RefineIntervals(const Ratio& snips, OffPolicyMetrics* m) const {
  if (!m->ips.ci95.has_value()) return;
  if (telling_ == 0 && (min_reward_ < 0 || max_reward_ == 0 || max_weight_ == 0)) {
    m->method = "";
    m->ips.ci95.reset();
    m->snips.ci95.reset();
    return;
  }
  const bool rare = telling_ < kRare && telling_ <= n_ / kRareOneOf;
  if (!rare || min_reward_ < 0) return;
  double squares = 0, greatest = max_weight_ * max_reward_, weights = 0;
  for (const Cluster& cluster : clusters_) {
    squares += cluster.ips * cluster.ips;
    greatest = std::max(greatest, cluster.ips);  // events of one cluster come together
    weights += cluster.weight;
  }
  const auto n = static_cast<double>(n_);
  m->method = "gamma";
  // Rewards that do not vary, or are too small to be squared, say nothing of how far off their mean is.
  const auto refine = [&](double variance, double next, Estimate* estimate) {
    estimate->ci95.reset();
    if (telling_ == 0 || variance > 0) estimate->ci95 = GammaInterval(*estimate->value, variance, next);
  };
  refine(squares / n / n, greatest / n, &m->ips);
  refine(*snips.standard_error * *snips.standard_error, greatest / weights, &m->snips);
  if (!m->ips.ci95.has_value()) m->method = "";
}

void OffPolicyAccumulator::Warn(double weight, std::optional<double> mean_weight_error, OffPolicyMetrics* m) const {
  const auto warn = [m](std::string text) { m->warnings.push_back(std::move(text)); };
  if (m->ess < kFewEffective || m->ess < kLittleEffective * static_cast<double>(n_)) {
    warn(
        absl::StrFormat("the effective sample size is only %.4g of %d decisions: the estimates hang on few of them; "
                        "log more, or judge a "
                        "policy that is closer to the one that logged",
                        m->ess, n_));
  }
  if (mean_weight_error.has_value() && std::abs(m->mean_weight - 1) > std::max(3 * *mean_weight_error, kRounding)) {
    warn(absl::StrFormat(
        "the mean weight is %.4g, more than 3 standard errors (%.2g each) off 1: the target policy does what logging "
        "never does, or probabilities are wrong; IPS is biased",
        m->mean_weight, *mean_weight_error));
  }
  if (max_weight_ > kHeavy * weight) {
    warn(absl::StrFormat(
        "one decision carries %.3g %% of the total weight: check its propensity, or bound weights by a clip",
        100 * max_weight_ / weight));
  }
  if (m->method == "gamma") {
    warn(
        absl::StrFormat("decisions with a weight and a reward other than 0: %d, fewer than %d; the intervals of ips "
                        "and snips allow for "
                        "that (gamma), those of dr do not, and no estimate says more than so few rewards can",
                        telling_, kRare));
  } else if (telling_ < kFewTelling) {
    warn(absl::StrFormat("decisions with a weight and a reward other than 0: %d, fewer than %d; %s", telling_,
                         kFewTelling, m->method.empty() ? "there is no interval" : "do not trust the intervals"));
  }
  if (m->zero_support > 0.5) {
    warn(
        absl::StrFormat("%.3g %% of the logged decisions are such as the target policy never makes: only the others "
                        "say something of it",
                        100 * m->zero_support));
  }
  if (certain_ > 0) {
    warn(absl::StrFormat(
        "%.3g %% of the decisions were logged with propensity 1, without exploration: what the target policy would do "
        "instead is not known of them",
        100 * static_cast<double>(certain_) / static_cast<double>(n_)));
  }
  if (clipped_ > 0) {
    warn(absl::StrFormat(
        "%.3g %% of the weights were clipped to %g, which biases IPS, SNIPS and DR; compare other clips",
        100 * m->clipped, clip_));
  }
}

}  // namespace vickrey::metric
