#include "vickrey/metric/off_policy_line.h"

#include <string>

namespace vickrey::metric {

using vickrey::v1::OffPolicyLine;

void SetEstimate(const Estimate& estimate, OffPolicyLine::Estimate* line) {
  if (estimate.value.has_value()) line->set_value(*estimate.value);
  if (!estimate.ci95.has_value()) return;
  line->mutable_ci95()->add_values()->set_number_value(estimate.ci95->lo);
  line->mutable_ci95()->add_values()->set_number_value(estimate.ci95->hi);
}

OffPolicyLine LineOf(const OffPolicyMetrics& m) {
  OffPolicyLine line;
  line.set_n(m.n);
  line.set_clusters(m.clusters);
  line.set_ess(m.ess);
  line.set_max_weight(m.max_weight);
  line.set_mean_weight(m.mean_weight);
  line.set_clipped(m.clipped);
  line.set_zero_support(m.zero_support);
  line.set_telling(m.telling);
  if (!m.method.empty()) line.set_method(std::string(m.method));
  SetEstimate(m.ips, line.mutable_ips());
  SetEstimate(m.snips, line.mutable_snips());
  if (m.dr.has_value()) SetEstimate(*m.dr, line.mutable_dr());
  if (m.dm.has_value()) SetEstimate(*m.dm, line.mutable_dm());
  for (const std::string& warning : m.warnings) line.add_warnings(warning);
  return line;
}

}  // namespace vickrey::metric
