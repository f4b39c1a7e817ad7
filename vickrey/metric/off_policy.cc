#include "vickrey/metric/off_policy.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/status.h"

namespace vickrey::metric {
namespace {

constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
constexpr int64_t kFewTelling = 30;
constexpr double kFewEffective = 100, kLittleEffective = 0.01, kHeavy = 0.1;

absl::Status Check(const LoggedDecision& d, bool first, bool modelled) {
  const auto must = [](std::string_view field, double value, std::string_view what) {
    return base::InvalidField(field, absl::StrCat(value, " is not ", std::string(what)));
  };
  if (!std::isfinite(d.reward)) return must("reward", d.reward, "a finite number");
  if (!(d.propensity > 0 && d.propensity <= 1)) {
    return must("propensity", d.propensity, "in (0, 1]; it is the probability with which the action was taken");
  }
  if (!(d.target_probability >= 0 && d.target_probability <= 1)) {
    return must("target_probability", d.target_probability, "a probability in [0, 1]");
  }
  if (d.q_logged.has_value() != d.q_target.has_value()) {
    return base::InvalidField(d.q_logged.has_value() ? "q_target" : "q_logged", "is missing; give both or neither");
  }
  if (!first && d.q_logged.has_value() != modelled) {
    return base::InvalidField("q_logged", modelled ? "is missing, and decisions before have it; give it for all or none"
                                                   : "is given, and decisions before lack it; give it for all or none");
  }
  if (d.q_logged.has_value() && !std::isfinite(*d.q_logged)) return must("q_logged", *d.q_logged, "a finite number");
  if (d.q_target.has_value() && !std::isfinite(*d.q_target)) return must("q_target", *d.q_target, "a finite number");
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
  return absl::OkStatus();
}

absl::StatusOr<OffPolicyMetrics> OffPolicyAccumulator::Finalize() const {
  OffPolicyMetrics m;
  if (n_ == 0) return m;
  if (certain_ == n_) {
    return base::InvalidField(
        "propensity",
        "is 1 everywhere: logging took its actions with certainty, so nothing is known of what any "
        "other action would have earned; log with some randomness, and with its propensities");
  }
  const auto n = static_cast<double>(n_);
  const auto clusters = static_cast<double>(clusters_.size());
  // A ratio of sums over clusters, with the standard error of the delta method.
  double standard_error = 0;
  const auto estimate = [&](double Cluster::*numerator, double Cluster::*denominator) {
    double a = 0, b = 0;
    for (const Cluster& c : clusters_) {
      a += c.*numerator;
      b += c.*denominator;
    }
    Estimate result;
    if (b == 0) return result;
    const double value = a / b;
    result.value = value;
    if (clusters_.size() < 2) return result;
    double squares = 0;
    for (const Cluster& c : clusters_) {
      const double e = (c.*numerator - value * c.*denominator) / b;
      squares += e * e;
    }
    standard_error = std::sqrt(clusters / (clusters - 1) * squares);
    result.ci95 = Interval{value - kZ * standard_error, value + kZ * standard_error};
    return result;
  };
  double weight = 0;
  for (const Cluster& c : clusters_) weight += c.weight;
  m.n = n_;
  m.clusters = static_cast<int64_t>(clusters_.size());
  m.ess = weight_squares_ > 0 ? weight * weight / weight_squares_ : 0;
  m.max_weight = max_weight_;
  m.clipped = static_cast<double>(clipped_) / n;
  m.zero_support = static_cast<double>(never_) / n;
  m.ips = estimate(&Cluster::ips, &Cluster::rows);
  m.snips = estimate(&Cluster::ips, &Cluster::weight);
  if (modelled_ > 0) {
    m.dr = estimate(&Cluster::dr, &Cluster::rows);
    m.dm = Estimate{.value = dm_ / n};
  }
  m.mean_weight = estimate(&Cluster::raw_weight, &Cluster::rows).value.value_or(0);
  if (std::abs(m.mean_weight - 1) > 3 * standard_error && clusters_.size() > 1) {
    m.warnings.push_back(
        absl::StrFormat("the mean weight is %.4g, more than 3 standard errors (%.2g) off 1: the target policy does "
                        "what logging never did, "
                        "or propensities are wrong",
                        m.mean_weight, standard_error));
  }
  Warn(m, &m.warnings);
  return m;
}

void OffPolicyAccumulator::Warn(const OffPolicyMetrics& m, std::vector<std::string>* warnings) const {
  const auto n = static_cast<double>(n_);
  if (m.ess < kFewEffective || m.ess < kLittleEffective * n) {
    warnings->push_back(absl::StrFormat(
        "the effective sample size is %.4g of %d decisions: the policies differ too much for this log", m.ess, n_));
  }
  double weight = 0;
  for (const Cluster& c : clusters_) weight += c.weight;
  if (max_weight_ > kHeavy * weight) {
    warnings->push_back(absl::StrFormat("one decision has %.3g %% of all the weight; a clip would bound it",
                                        100 * max_weight_ / weight));
  }
  if (telling_ < kFewTelling) {
    warnings->push_back(absl::StrFormat(
        "only %d decisions have a reward that counts: the intervals are too narrow to be trusted", telling_));
  }
  if (m.zero_support > 0.5) {
    warnings->push_back(
        absl::StrFormat("the target policy would never make %.3g %% of the logged decisions", 100 * m.zero_support));
  }
  if (certain_ > 0) {
    warnings->push_back(
        absl::StrFormat("%.3g %% of the decisions were logged with propensity 1: of them no other action is known",
                        100 * static_cast<double>(certain_) / n));
  }
  if (clipped_ > 0) {
    warnings->push_back(
        absl::StrFormat("%.3g %% of the weights were clipped, which biases IPS, SNIPS and DR", 100 * m.clipped));
  }
}

}  // namespace vickrey::metric
