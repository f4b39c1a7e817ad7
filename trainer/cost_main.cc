// `vickrey cost`: what the steps of a training cost on this machine.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/config.h"
#include "trainer/cost/curve.h"
#include "trainer/cost/machine.h"
#include "trainer/cost/measure.h"
#include "trainer/cost/training.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/base/tool.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

struct Flags {
  std::string config, db, snapshot, out;
  std::vector<std::string> settings;
  cost::MeasureOptions options;
  std::optional<int64_t> memory_mib, curve;
  bool plan = false, devices = false, json = false;
};

absl::Status CheckGiven(const Flags& flags) {
  for (const auto& [name, value] : {std::pair("--config", &flags.config), std::pair("--db", &flags.db),
                                    std::pair("--snapshot", &flags.snapshot), std::pair("--out", &flags.out)}) {
    if (value->empty()) return base::InvalidField(name, "is required, unless --devices is given");
  }
  return absl::OkStatus();
}

// Refused before any of it is taken where the parameters alone are too many for a training in memory.
absl::Status Limit(const cost::Training& training, int64_t mib) {
  const int64_t least = training.least_bytes() >> 20;
  if (training.device().is_cpu() && least > mib) {
    return absl::ResourceExhaustedError(
        absl::StrCat("parameters and the optimizer's state alone take ", least, " MiB; --memory-mib allows ", mib));
  }
  return cost::LimitMemory(mib);
}

// Writes what `f` gives, if this process is the one that writes. What is not LibTorch's asks for memory, too.
template <typename F>
absl::Status Write(F&& f, bool json) {
  ASSIGN_OR_RETURN(const auto line, torch::CatchTorch(std::forward<F>(f)));
  RETURN_IF_ERROR(line.status());
  if (line->has_value()) base::WriteSummary(**line, json);
  return absl::OkStatus();
}

absl::Status Cost(const Flags& flags) {
  if (flags.devices) {
    for (const auto& line : cost::Devices()) base::WriteLine(line);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckGiven(flags));
  ASSIGN_OR_RETURN(JobConfig job, LoadJobConfig(flags.config, flags.settings));
  ASSIGN_OR_RETURN(const auto training, cost::Training::Create(std::move(job), flags.db, flags.snapshot, flags.out));
  if (flags.memory_mib.has_value()) RETURN_IF_ERROR(Limit(*training, *flags.memory_mib));
  if (flags.plan) {
    if (training->workers().rank() == 0) base::WriteSummary(cost::Describe(training.get()), flags.json);
    return absl::OkStatus();
  }
  if (flags.curve.has_value()) return Write([&] { return cost::Learn(training.get(), *flags.curve); }, flags.json);
  return Write([&] { return cost::Measure(training.get(), flags.options); }, flags.json);
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  namespace trainer = vickrey::trainer;
  vickrey::base::Tool tool("vickrey-cost", "Measures what the steps of a training cost on this machine");
  trainer::Flags flags;
  CLI::App& app = tool.SetAction(
      "vickrey market generate --scenario linear --auctions 2000 --seed 1 | vickrey log append --db /tmp/priced "
      ">/dev/null\n"
      "  vickrey log snapshot create --db /tmp/priced >/tmp/priced.snapshot\n"
      "  printf 'name: ctr\\nmodel: {architecture: mlp, hidden: [64, 32]}\\nloss: {loss: logloss}\\n' "
      ">/tmp/priced.yaml\n"
      "  vickrey cost --config /tmp/priced.yaml --db /tmp/priced --out /tmp/priced.models --seconds 0.1 \\\n"
      "    --snapshot \"$(sed 's/.*\"snapshot_id\":\"\\([^\"]*\\).*/\\1/' /tmp/priced.snapshot)\"",
      [&flags] { return trainer::Cost(flags); });
  app.add_option("--config", flags.config, "A YAML or JSON file of TrainConfig");
  app.add_option("--db", flags.db, "The log");
  app.add_option("--snapshot", flags.snapshot, "The snapshot of it, as `vickrey log snapshot create` says");
  app.add_option("--out", flags.out, "Where its datasets go, as those of `vickrey train`");
  app.add_option("--set", flags.settings,
                 "KEY=VALUE over the file, such as optimizer.batch_auctions=64; may be repeated")
      ->allow_extra_args(false);
  auto* seconds = app.add_option("--seconds", flags.options.seconds, "How long a repeat is, about; a step at least")
                      ->capture_default_str()
                      ->check(CLI::Range(0.0, 1e6));
  auto* repeats = app.add_option("--repeats", flags.options.repeats, "How many; the median of their rates is given")
                      ->capture_default_str()
                      ->check(CLI::Range(1, 1000));
  auto* warmup = app.add_option("--warmup", flags.options.warmup, "Steps before, which are not timed")
                     ->capture_default_str()
                     ->check(CLI::Range(1, 100000));
  app.add_option(
         "--memory-mib", flags.memory_mib,
         "The memory that each process may take; what needs more ends with RESOURCE_EXHAUSTED. Default: no limit")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  auto* curve =
      app.add_option("--curve", flags.curve,
                     "Train on so many candidates instead, and say what the validation set's log loss is on the way")
          ->check(CLI::Range(int64_t{1}, int64_t{1} << 50));
  for (auto* of_rates : {seconds, repeats, warmup}) curve->excludes(of_rates);
  app.add_flag("--plan", flags.plan, "Only read, encode and check the log and the configuration");
  app.add_flag("--devices", flags.devices, "A line for each device that a training can be on, and nothing else");
  app.add_flag("--json", flags.json, "JSON on a terminal too");
  return tool.Run(argc, argv);
}
