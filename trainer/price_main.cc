// `vickrey price`: heads that forecast the market price of an impression, and bidders that use them.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/price/job.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/tool.h"

namespace vickrey::trainer {
namespace {

struct Flags {
  std::string config, train, test, seed;
  std::vector<std::string> settings;
  bool plan = false;
};

absl::Status Price(Flags flags) {
  if (!flags.seed.empty()) flags.settings.push_back(absl::StrCat("seed=", flags.seed));
  ASSIGN_OR_RETURN(const auto config, LoadPriceConfig(flags.config, flags.settings));
  base::WriteToStderr(absl::StrCat("{\"config\":", base::ToJson(config), "}\n"));
  return RunPriceJob(config, flags.train, flags.test, flags.plan ? PriceTask::kPlan : PriceTask::kAll,
                     [](const google::protobuf::Message& line) { base::WriteLine(line); });
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  namespace trainer = vickrey::trainer;
  vickrey::base::Tool tool("vickrey-price",
                           "Trains heads that forecast the market price of an impression, and plays bidders by them");
  trainer::Flags flags;
  CLI::App& app = tool.SetAction(
      "seq 4000 | awk '{printf \"0\\t%d\\t%.6f\\t%d\\n\", 20 + $1 * 7919 % 100, ($1 * 31 % 9 + 1) / 5000, $1 / 160}' "
      ">/tmp/prices.tsv\n"
      "  head -n 3000 /tmp/prices.tsv >/tmp/prices.train.tsv; tail -n 1000 /tmp/prices.tsv >/tmp/prices.test.tsv\n"
      "  vickrey price --train /tmp/prices.train.tsv --test /tmp/prices.test.tsv",
      [&flags] { return trainer::Price(flags); });
  app.add_option("--train", flags.train,
                 "The older log: tab-separated click, market price, pctr, hour; or iPinYou's raw log")
      ->required();
  app.add_option("--test", flags.test, "The newer log, to judge and to play on")->required();
  app.add_option("--config", flags.config, "A YAML or JSON file of PriceConfig. Default: all its defaults");
  app.add_option("--seed", flags.seed, "Over the configuration's seed");
  app.add_option("--set", flags.settings, "KEY=VALUE over the file, such as training.epochs=8; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--plan", flags.plan, "Only read and check logs and configuration, and say the summary");
  return tool.Run(argc, argv);
}
