#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/eval.h"
#include "tools/online.h"
#include "tools/rule_flags.h"
#include "tools/scan_flags.h"

namespace vickrey::tools {
namespace {

struct OnlineFlags {
  OnlineOptions options;
  LogRef log;
  std::string artifact_root;
  ScanFlags part;
  RuleFlags rules;
  bool json = false;
};

absl::StatusOr<std::shared_ptr<const model::Model>> Load(const std::string& flag, const std::string& root,
                                                         const std::string& ref) {
  const size_t at = ref.find('@');
  auto model = model::Model::Load(std::filesystem::path(root) / ref.substr(0, at) / ref.substr(at + 1));
  if (!model.ok()) return base::AboutField(base::Annotate(model.status(), flag), flag);
  return model;
}

absl::Status RunOnline(OnlineFlags flags) {
  OnlineOptions& options = flags.options;
  for (const auto& [name, ref] : {std::pair("A", options.a), std::pair("B", options.b)}) {
    const size_t at = ref.find('@');
    if (at != std::string::npos && at > 0 && at + 1 < ref.size()) continue;
    return base::InvalidField(name, absl::StrCat("'", ref, "' is not NAME@VERSION, as the log has it"));
  }
  if (options.a == options.b) return base::InvalidField("B", absl::StrCat("'", options.b, "' is A"));
  ASSIGN_OR_RETURN(options.part, flags.part.Options());
  ASSIGN_OR_RETURN(options.rules, flags.rules.Rules());
  if (!flags.artifact_root.empty()) {
    ASSIGN_OR_RETURN(options.model_a, Load("A", flags.artifact_root, options.a));
    ASSIGN_OR_RETURN(options.model_b, Load("B", flags.artifact_root, options.b));
  }
  ASSIGN_OR_RETURN(const auto line, CompareOnline(flags.log, options));
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddEvalOnline(base::Tool& tool) {
  const auto flags = std::make_shared<OnlineFlags>();
  CLI::App& app = tool.AddVerb(
      "online", "Compare two versions by the auctions that each decided and the clicks that came, and off-policy",
      "vickrey eval online ctr@2 ctr@1 --db /tmp/served --artifact-root /tmp/models",
      [flags] { return RunOnline(*flags); });
  app.add_option("A", flags->options.a, "NAME@VERSION, say that of the canary")->required();
  app.add_option("B", flags->options.b, "NAME@VERSION, say that which is stable")->required();
  app.add_option("--db", flags->log.db, "The log's folder")->required();
  app.add_option("--snapshot", flags->log.snapshot, "Its snapshot")->default_str("the log as it is");
  app.add_option("--artifact-root", flags->artifact_root,
                 "Where both artifacts are: compare off-policy too, on B's decisions that have a propensity")
      ->default_str("none");
  flags->part.Declare(app);
  flags->rules.Declare(app);
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
