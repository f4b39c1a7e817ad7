#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connect.h"
#include "tools/client.h"
#include "tools/promotion.h"
#include "vickrey/v1/online_lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::ModelInfo;
using vickrey::v1::PromotionLine;

struct PromoteFlags {
  std::string address, name, label = "canary", to = "stable";
  std::vector<std::string> conditions, evidence;
  bool keep = false, json = false;
};

// The version that bears a label. FAILED_PRECONDITION where none does.
absl::StatusOr<ModelInfo> BearerOf(const std::vector<ModelInfo>& infos, const std::string& name,
                                   const std::string& label) {
  for (const ModelInfo& info : infos) {
    if (std::find(info.labels().begin(), info.labels().end(), label) != info.labels().end()) return info;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no version of ", name, " bears the label ", label, "; `vickrey models label` gives it"));
}

std::string RefOf(const ModelInfo& info) { return absl::StrCat(info.name(), "@", info.version()); }

absl::Status RunPromote(const PromoteFlags& flags) {
  std::vector<Condition> conditions;
  for (const std::string& text : flags.conditions) {
    ASSIGN_OR_RETURN(conditions.emplace_back(), Condition::Parse(text));
  }
  std::vector<Evidence> evidence;
  for (const std::string& file : flags.evidence) {
    ASSIGN_OR_RETURN(auto read, Evidence::Read(file));
    evidence.push_back(std::move(read));
  }
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const auto infos, client->ListModels(flags.name));
  if (infos.empty()) {
    return base::AboutField(
        absl::NotFoundError(absl::StrCat("NAME: the server holds no version of '", flags.name, "'")), "NAME");
  }
  ASSIGN_OR_RETURN(const ModelInfo candidate, BearerOf(infos, flags.name, flags.label));
  ASSIGN_OR_RETURN(const ModelInfo incumbent, BearerOf(infos, flags.name, flags.to));
  if (candidate.version() == incumbent.version()) {
    return absl::FailedPreconditionError(absl::StrCat(RefOf(candidate), " bears both labels, ", flags.label, " and ",
                                                      flags.to, ": there is nothing to promote; `vickrey models label ",
                                                      flags.name, " ", flags.label, "` takes the one from it"));
  }
  PromotionLine line;
  line.set_candidate(RefOf(candidate));
  line.set_incumbent(RefOf(incumbent));
  for (const Evidence& piece : evidence) {
    RETURN_IF_ERROR(piece.CheckIsOf(line.candidate(), candidate.sha256()));
    RETURN_IF_ERROR(piece.CheckIsOf(line.incumbent(), incumbent.sha256()));
    for (const std::string& warning : piece.warnings()) line.add_warnings(warning);
  }
  ASSIGN_OR_RETURN(const auto judged, Judge(conditions, evidence, line.candidate(), line.incumbent()));
  line.set_promoted(true);
  for (const PromotionLine::Condition& condition : judged) {
    *line.add_conditions() = condition;
    line.set_promoted(line.promoted() && condition.holds());
  }
  // Each only if the labels are still those that were judged.
  std::string etag = infos.front().etag();
  const auto label = [&](const std::string& what, const std::string& version) -> absl::Status {
    vickrey::v1::SetModelLabelRequest request;
    request.set_name(flags.name);
    request.set_label(what);
    request.set_version(version);
    if (what == "canary" && !version.empty() && incumbent.has_canary_share())
      request.set_share(incumbent.canary_share());
    request.set_etag(etag);
    ASSIGN_OR_RETURN(const auto changed, client->SetModelLabel(request));
    if (!changed.empty()) etag = changed.front().etag();
    return absl::OkStatus();
  };
  if (line.promoted()) RETURN_IF_ERROR(label(flags.to, candidate.version()));
  if (line.promoted() || !flags.keep) RETURN_IF_ERROR(label(flags.label, ""));
  line.set_rolled_back(!line.promoted() && !flags.keep);
  base::WriteSummary(line, flags.json);
  return line.promoted() ? absl::OkStatus() : base::CheckFailed();
}

}  // namespace

void AddPromote(base::Tool& tool, CLI::App& models) {
  const auto flags = std::make_shared<PromoteFlags>();
  CLI::App& app = tool.AddVerb(
      models, "promote", "Make the canary stable if every condition holds (exit 0), else take its label away (exit 1)",
      "vickrey models promote ctr --address 127.0.0.1:50051 --evidence /tmp/evidence.json \\\n"
      "    --if 'welfare >= -0.01' --if 'calibration in 0.9..1.1'",
      [flags] { return RunPromote(*flags); });
  app.add_option("--address", flags->address, "The server's HOST:PORT")->required();
  app.add_option("NAME", flags->name, "The model")->required();
  app.add_option(
         "--if", flags->conditions,
         "'METRIC >= MARGIN' or 'METRIC <= MARGIN', of the 95 % interval of the relative difference, or 'METRIC in "
         "LO..HI', of the candidate's own; once for each")
      ->required()
      ->allow_extra_args(false);
  app.add_option(
         "--evidence", flags->evidence,
         "The JSON of `vickrey eval online`, or the summary of a simulation, of the two versions; once for each")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--label", flags->label, "What the candidate bears");
  app.add_option("--to", flags->to, "What it is to bear");
  app.add_flag("--keep", flags->keep, "Leave the candidate its label where a condition does not hold");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
