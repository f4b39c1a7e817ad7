// `vickrey simulate`: the same auctions against several models, scored.
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "simulator/config_flags.h"
#include "simulator/outcomes.h"
#include "simulator/part.h"
#include "simulator/results.h"
#include "simulator/simulation.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/shard.h"
#include "vickrey/base/tool.h"
#include "vickrey/config/v1/simulate.pb.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::SimulationSummary;

struct Flags {
  std::string models, shard;
  int64_t shards = 0;
  ResultFlags results;
  ConfigFlags config{{
      {"--market", "market.scenario", "Auctions of this scenario; see `vickrey market list`"},
      {"--db", "replay.db", "Auctions of this log, instead of a market"},
      {"--snapshot", "replay.snapshot_id", "The log's snapshot"},
      {"--skip", "replay.skip", "Leave out this share of the snapshot, the oldest: what models were trained on"},
      {"--labels", "replay.labels", "A teacher's labels of the snapshot (labels.safetensors), to judge welfare by"},
      {"--scorer", "scorer", "grpc or inprocess"},
      {"--address", "address", "The server's HOST:PORT, for grpc"},
      {"--artifact-root", "artifact_root", "The artifacts' folder, for inprocess"},
      {"--auctions", "auctions", "How many auctions, at most"},
      {"--first", "first", "The index of the market's first auction"},
      {"--seed", "seed", "The market's"},
      {"--mechanism", "mechanism", "second_price, gsp, vcg or first_price"},
      {"--slots", "slots", "Slots to sell"},
      {"--reserve-click-micros", "reserve_click_micros", "Least bid, micros a click"},
      {"--reserve-mille-micros", "reserve_mille_micros", "Least score, micros a thousand impressions"},
      {"--in-flight", "in_flight", "Calls under way at a time, for grpc"},
      {"--retry-seconds", "retry_seconds", "How long to wait for a server that is gone, for grpc"},
      {"--threads", "threads", "Threads; the results do not depend on it; 0: one for each core"},
  }};
};

absl::StatusOr<SimulateConfig> ConfigOf(const Flags& flags) {
  return flags.config.Read<SimulateConfig>([&](SimulateConfig* config) {
    if (flags.models.empty()) return absl::OkStatus();
    config->clear_models();
    for (const absl::string_view ref : absl::StrSplit(flags.models, ',')) config->add_models(std::string(ref));
    return absl::OkStatus();
  });
}

// The flag's, or the launcher's.
absl::StatusOr<base::Shard> ShardOf(const Flags& flags) {
  if (!flags.shard.empty()) return base::ParseShard(flags.shard);
  ASSIGN_OR_RETURN(const auto found, base::ShardOfEnvironment(flags.shards));
  if (!found.has_value()) return base::Shard();
  base::Note(absl::StrCat("shard ", found->index, "/", found->count, ", by the environment; --shard 0/1 plays all"));
  return *found;
}

absl::Status Run(const Flags& flags) {
  ASSIGN_OR_RETURN(const SimulateConfig config, ConfigOf(flags));
  ASSIGN_OR_RETURN(const base::Shard shard, ShardOf(flags));
  std::cerr << "{\"config\":" << base::ToJson(config) << "}\n";
  RETURN_IF_ERROR(flags.results.Check());
  ASSIGN_OR_RETURN(const auto outcomes, OutcomeWriter::Open(flags.results.outcomes));
  std::unique_ptr<PartWriter> part;  // for `vickrey eval merge`
  if (shard.count > 1 && !flags.results.summary.empty()) {
    ASSIGN_OR_RETURN(part, PartWriter::Open(PartOf(flags.results.summary)));
  }
  ASSIGN_OR_RETURN(const SimulationSummary summary, Simulate(config, shard, outcomes.get(), part.get()));
  return flags.results.Write(summary);
}

}  // namespace
}  // namespace vickrey::simulator

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  vickrey::base::Tool tool("vickrey-sim", "Plays the same auctions against several models and scores their welfare",
                           "vickrey simulate");
  vickrey::simulator::Flags flags;
  CLI::App& app = tool.SetAction(
      "vickrey simulate --market linear --auctions 1000 --first 500 --seed 1 --models ctr@1 --scorer inprocess \\\n"
      "    --artifact-root /tmp/models",
      [&flags] { return vickrey::simulator::Run(flags); });
  flags.config.Declare<vickrey::config::v1::SimulateConfig>(app);
  app.add_option("--models", flags.models,
                 "REF[,REF...]: NAME@VERSION, NAME:LABEL or NAME; the first is compared with each of the others");
  app.add_option("--shard", flags.shard,
                 "Only part i of n, i/n; with --summary FILE it leaves FILE.part, for `vickrey eval merge`")
      ->default_str("of SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX; else 0/1");
  app.add_option("--shards", flags.shards, "With JOB_COMPLETION_INDEX: how many completions the job has")
      ->check(CLI::Range(1, 1'000'000))
      ->default_str("JOB_COMPLETIONS");
  flags.results.Declare(app);
  return tool.Run(argc, argv);
}
