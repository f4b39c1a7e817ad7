#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "tools/eval.h"
#include "vickrey/metric/off_policy.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::OffPolicyInputLine;
using vickrey::v1::OffPolicyLine;

struct Flags {
  double clip = std::numeric_limits<double>::infinity();
  bool json = false;
};

absl::StatusOr<metric::LoggedDecision> DecisionOf(const OffPolicyInputLine& line) {
  const std::pair<const char*, bool> required[] = {{"reward", line.has_reward()},
                                                   {"propensity", line.has_propensity()},
                                                   {"target_probability", line.has_target_probability()}};
  for (const auto& [field, given] : required) {
    if (!given) return base::InvalidField(field, "is required");
  }
  metric::LoggedDecision decision{.reward = line.reward(),
                                  .propensity = line.propensity(),
                                  .target_probability = line.target_probability(),
                                  .cluster_key = line.cluster_key()};
  if (line.has_q_logged()) decision.q_logged = line.q_logged();
  if (line.has_q_target()) decision.q_target = line.q_target();
  return decision;
}

void Set(const metric::Estimate& estimate, OffPolicyLine::Estimate* to) {
  if (estimate.value.has_value()) to->set_value(*estimate.value);
  if (!estimate.ci95.has_value()) return;
  to->mutable_ci95()->add_values()->set_number_value(estimate.ci95->lo);
  to->mutable_ci95()->add_values()->set_number_value(estimate.ci95->hi);
}

absl::Status Run(const Flags& flags) {
  metric::OffPolicyAccumulator accumulator(flags.clip);
  RETURN_IF_ERROR(base::ForEachLine<OffPolicyInputLine>([&](const OffPolicyInputLine& line) -> absl::Status {
    ASSIGN_OR_RETURN(const metric::LoggedDecision decision, DecisionOf(line));
    return accumulator.Add(decision);
  }));
  ASSIGN_OR_RETURN(const metric::OffPolicyMetrics m, accumulator.Finalize());
  OffPolicyLine line;
  line.set_n(m.n);
  line.set_clusters(m.clusters);
  line.set_ess(m.ess);
  line.set_max_weight(m.max_weight);
  line.set_mean_weight(m.mean_weight);
  line.set_clipped(m.clipped);
  line.set_zero_support(m.zero_support);
  Set(m.ips, line.mutable_ips());
  Set(m.snips, line.mutable_snips());
  if (m.dr.has_value()) Set(*m.dr, line.mutable_dr());
  if (m.dm.has_value()) Set(*m.dm, line.mutable_dm());
  for (const std::string& warning : m.warnings) line.add_warnings(warning);
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddEvalOffPolicy(base::Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = tool.AddVerb(
      "off-policy", "Estimate what another policy would have earned, from logged decisions",
      R"(printf '{"reward":%s,"propensity":%s,"target_probability":%s}\n' 1 0.2 0.6 0 0.8 0.4 1 0.8 0.4 | )"
      "vickrey eval off-policy",
      [flags] { return Run(*flags); });
  app.add_option("--clip", flags->clip, "Weights, target_probability / propensity, are at most this")
      ->check(CLI::Range(1e-6, 1e18))
      ->default_str("none");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
