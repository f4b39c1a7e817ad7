// `vickrey simulate`: the same auctions against several models, scored.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "simulator/outcomes.h"
#include "simulator/simulation.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/shard.h"
#include "vickrey/base/tool.h"
#include "vickrey/config/v1/simulate.pb.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::SimulationSummary;

// Flags that are fields of SimulateConfig: its definition has their defaults, ranges and documentation.
struct ConfigFlag {
  const char* flag;
  const char* field;
  const char* help;
  std::string value = "";
};

struct Flags {
  std::string config, params, models, outcomes, summary, shard = "0/1";
  bool json = false;
  std::vector<ConfigFlag> fields = {
      {"--market", "market.scenario", "Auctions of this scenario; see `vickrey market list`"},
      {"--db", "replay.db", "Auctions of this log, instead of a market"},
      {"--snapshot", "replay.snapshot_id", "The log's snapshot"},
      {"--skip", "replay.skip", "Leave out this share of the snapshot, the oldest: what models were trained on"},
      {"--scorer", "scorer", "grpc or inprocess"},
      {"--address", "address", "The server's HOST:PORT, for grpc"},
      {"--artifact-root", "artifact_root", "The artifacts' folder, for inprocess"},
      {"--auctions", "auctions", "How many auctions, at most"},
      {"--first", "first", "The index of the market's first auction"},
      {"--seed", "seed", "The market's"},
      {"--mechanism", "mechanism", "second_price"},
      {"--reserve-click-micros", "reserve_click_micros", "Least bid, micros a click"},
      {"--reserve-mille-micros", "reserve_mille_micros", "Least score, micros a thousand impressions"},
      {"--in-flight", "in_flight", "Calls under way at a time, for grpc"},
  };
};

absl::StatusOr<SimulateConfig> ConfigOf(const Flags& flags) {
  SimulateConfig config;
  const auto fill = [&](google::protobuf::Message* message) -> absl::Status {
    auto& read = static_cast<SimulateConfig&>(*message);
    if (!flags.params.empty()) RETURN_IF_ERROR(base::LoadConfigFile(flags.params, read.mutable_market()));
    for (const ConfigFlag& field : flags.fields) {
      if (field.value.empty()) continue;
      RETURN_IF_ERROR(base::SetConfigField(field.field, field.value, field.flag, &read));
    }
    if (!flags.models.empty()) {
      read.clear_models();
      for (const absl::string_view ref : absl::StrSplit(flags.models, ',')) read.add_models(std::string(ref));
    }
    return absl::OkStatus();
  };
  if (!flags.config.empty()) {
    RETURN_IF_ERROR(base::LoadConfigFile(flags.config, &config, fill));
  } else {
    RETURN_IF_ERROR(base::LoadConfig("{}", "flags", &config, fill));
  }
  return config;
}

// With so many digits behind the point.
std::string Shown(bool has, double value, int digits) { return has ? absl::StrFormat("%.*f", digits, value) : "-"; }

// The summary for people: a line for each model, then for each comparison.
std::string TableOf(const SimulationSummary& summary) {
  std::string text = absl::StrFormat("%-28s %10s %10s %10s %8s %9s %8s\n", "model", "welfare", "regret", "revenue",
                                     "AUC", "log loss", "calibr.");
  for (const auto& m : summary.models()) {
    absl::StrAppendFormat(&text, "%-28s %10s %10s %10s %8s %9s %8s\n", m.ref(), Shown(m.has_welfare(), m.welfare(), 5),
                          Shown(m.has_regret(), m.regret(), 5), Shown(m.has_revenue(), m.revenue(), 5),
                          Shown(m.has_auc(), m.auc(), 4), Shown(m.has_logloss(), m.logloss(), 5),
                          Shown(m.has_calibration(), m.calibration(), 3));
  }
  for (const auto& c : summary.comparisons()) {
    absl::StrAppendFormat(&text, "%s of %s against %s: ", c.metric(), c.a_model(), c.b_model());
    if (c.has_relative_ci95() && c.relative_ci95().values_size() == 2) {
      absl::StrAppendFormat(&text, "%+.2f %% (95 %% interval %+.2f to %+.2f)\n", 100 * c.relative(),
                            100 * c.relative_ci95().values(0).number_value(),
                            100 * c.relative_ci95().values(1).number_value());
    } else {
      text += "not defined\n";
    }
  }
  if (summary.missing() > 0)
    absl::StrAppendFormat(&text, "MISSING: %d outcomes, because calls failed\n", summary.missing());
  return text;
}

// A result is put in the place of what was there, which must not be a device, a pipe or a link.
absl::Status CheckPlace(const char* flag, const std::string& file) {
  if (file.empty()) return absl::OkStatus();
  std::error_code error;
  const auto status = std::filesystem::symlink_status(file, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return base::InvalidField(flag, absl::StrCat("'", file, "' is there and is not a plain file"));
  }
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK) != 0) {  // not found out when the work is done
    return base::AboutField(base::FileError("write into", folder), flag);
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  ASSIGN_OR_RETURN(const SimulateConfig config, ConfigOf(flags));
  ASSIGN_OR_RETURN(const base::Shard shard, base::ParseShard(flags.shard));
  std::cerr << "{\"config\":" << base::ToJson(config) << "}\n";
  RETURN_IF_ERROR(CheckPlace("--outcomes", flags.outcomes));
  RETURN_IF_ERROR(CheckPlace("--summary", flags.summary));
  if (!flags.outcomes.empty() && flags.outcomes == flags.summary) {
    return base::InvalidField("--summary", absl::StrCat("'", flags.summary, "' is the file of --outcomes, too"));
  }
  ASSIGN_OR_RETURN(const auto outcomes, OutcomeWriter::Open(flags.outcomes));
  ASSIGN_OR_RETURN(const SimulationSummary summary, Simulate(config, shard, outcomes.get()));
  if (!flags.summary.empty()) {
    RETURN_IF_ERROR(base::WriteFileAtomically(flags.summary, base::ToJson(summary) + "\n"));
  }
  if (flags.json || isatty(STDOUT_FILENO) != 1) {
    base::WriteLine(summary);
  } else {
    std::cout << TableOf(summary) << std::flush;
  }
  return summary.missing() > 0 ? base::CheckFailed() : absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::simulator

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  vickrey::base::Tool tool("vickrey-sim", "Plays the same auctions against several models and scores their welfare");
  vickrey::simulator::Flags flags;
  CLI::App& app = tool.SetAction(
      "vickrey simulate --market linear --auctions 1000 --first 500 --seed 1 --models ctr@1 --scorer inprocess \\\n"
      "    --artifact-root /tmp/models",
      [&flags] { return vickrey::simulator::Run(flags); });
  app.add_option("--config", flags.config, "A YAML or JSON file of SimulateConfig; flags go over it")
      ->default_str("none");
  app.add_option("--params", flags.params, "A YAML or JSON file of MarketConfig")->default_str("none");
  app.add_option("--models", flags.models,
                 "REF[,REF...]: NAME@VERSION, NAME:LABEL or NAME; the first is compared with each of the others");
  for (auto& field : flags.fields) app.add_option(field.flag, field.value, field.help);
  app.add_option("--outcomes", flags.outcomes, "Write every outcome to this file")->default_str("none");
  app.add_option("--summary", flags.summary, "Write the summary to this file")->default_str("none");
  app.add_option("--shard", flags.shard, "Only part i of n, i/n");
  app.add_flag("--json", flags.json, "JSON on a terminal too");
  return tool.Run(argc, argv);
}
