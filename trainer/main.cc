// `vickrey train`: a model from a snapshot of a log.
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/job.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/tool.h"

namespace vickrey::trainer {
namespace {

struct Flags {
  std::string config, db, snapshot, out;
  std::vector<std::string> settings;
  bool json = false;
};

absl::Status Train(const Flags& flags) {
  ASSIGN_OR_RETURN(JobConfig job, LoadJobConfig(flags.config, flags.settings));
  ASSIGN_OR_RETURN(const auto line, RunJob(std::move(job), flags.db, flags.snapshot, flags.out));
  if (line.has_value()) base::WriteSummary(*line, flags.json);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  namespace trainer = vickrey::trainer;
  vickrey::base::Tool tool("vickrey-train", "Trains a model on a snapshot of a log and writes it as an artifact");
  trainer::Flags flags;
  CLI::App& app = tool.SetAction(
      "vickrey market generate --scenario linear --auctions 500 --seed 1 | vickrey log append --db /tmp/ads "
      ">/dev/null\n"
      "  vickrey log snapshot create --db /tmp/ads >/tmp/ads.snapshot\n"
      "  printf 'name: ctr\\nmodel: {architecture: logistic}\\nloss: {loss: logloss}\\n' >/tmp/ads.yaml\n"
      "  vickrey train --config /tmp/ads.yaml --db /tmp/ads --out /tmp/models \\\n"
      "    --snapshot \"$(sed 's/.*\"snapshot_id\":\"\\([^\"]*\\).*/\\1/' /tmp/ads.snapshot)\"",
      [&flags] { return trainer::Train(flags); });
  app.add_option("--config", flags.config, "A YAML or JSON file of TrainConfig")->required();
  app.add_option("--db", flags.db, "The log")->required();
  app.add_option("--snapshot", flags.snapshot, "The snapshot of it, as `vickrey log snapshot create` says")->required();
  app.add_option("--out", flags.out,
                 "Where artifacts go: NAME/VERSION under this folder, beside its datasets, labels and runs")
      ->required();
  app.add_option("--set", flags.settings, "KEY=VALUE over the file, such as loss.sigma=4; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--json", flags.json, "JSON on a terminal too");
  return tool.Run(argc, argv);
}
