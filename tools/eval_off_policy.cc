#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "tools/eval.h"
#include "tools/logged_policies.h"
#include "vickrey/metric/off_policy.h"
#include "vickrey/metric/off_policy_line.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::OffPolicyInputLine;
using vickrey::v1::OffPolicyLine;

struct OffPolicyFlags {
  LogRef logged, target;
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

absl::Status RunOffPolicy(const OffPolicyFlags& flags) {
  const bool missing[] = {flags.logged.db.empty(), flags.target.db.empty()};
  if (missing[0] != missing[1]) {
    return base::InvalidField(missing[0] ? "--db" : "--target-db",
                              "is missing; --db and --target-db go together, or decisions come on stdin");
  }
  if (missing[0] && !(flags.logged.snapshot.empty() && flags.target.snapshot.empty())) {
    return base::InvalidField(flags.logged.snapshot.empty() ? "--target-snapshot" : "--snapshot",
                              "is for --db with --target-db; decisions on stdin have none");
  }
  if (!missing[0]) {
    ASSIGN_OR_RETURN(const OffPolicyLine line, CompareLoggedPolicies(flags.logged, flags.target, flags.clip));
    base::WriteSummary(line, flags.json);
    return absl::OkStatus();
  }
  metric::OffPolicyAccumulator accumulator(flags.clip);
  RETURN_IF_ERROR(base::ForEachLine<OffPolicyInputLine>([&](const OffPolicyInputLine& line) -> absl::Status {
    ASSIGN_OR_RETURN(const metric::LoggedDecision decision, DecisionOf(line));
    return accumulator.Add(decision);
  }));
  ASSIGN_OR_RETURN(const metric::OffPolicyMetrics m, accumulator.Finalize());
  const OffPolicyLine line = metric::LineOf(m);
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddEvalOffPolicy(base::Tool& tool) {
  const auto flags = std::make_shared<OffPolicyFlags>();
  CLI::App& app = tool.AddVerb(
      "off-policy", "Estimate what another policy would have earned, from logged decisions",
      R"(printf '{"reward":%s,"propensity":%s,"target_probability":%s}\n' 1 0.2 0.6 0 0.8 0.4 1 0.8 0.4 | )"
      "vickrey eval off-policy",
      [flags] { return RunOffPolicy(*flags); });
  app.add_option("--clip", flags->clip, "Weights, target_probability / propensity, are at most this")
      ->check(CLI::Range(1e-6, 1e18))
      ->default_str("none");
  app.add_option("--db", flags->logged.db,
                 "Decisions of this log instead of stdin: candidates shown with a propensity, rewarded by the click");
  app.add_option("--snapshot", flags->logged.snapshot, "With --db: its snapshot")->default_str("the log as it is");
  app.add_option("--target-db", flags->target.db,
                 "With --db: the target policy is the one that made this log, approximated by its ads by slot");
  app.add_option("--target-snapshot", flags->target.snapshot, "With --target-db: its snapshot")
      ->default_str("the log as it is");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
