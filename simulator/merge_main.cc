// `vickrey eval merge`: one simulation out of its shards.
#include <filesystem>
#include <string>
#include <vector>

#include "simulator/merge.h"
#include "simulator/outcomes.h"
#include "simulator/part.h"
#include "simulator/results.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/tool.h"

namespace vickrey::simulator {
namespace {

struct Flags {
  std::vector<std::string> summaries;
  ResultFlags results;
};

absl::Status Run(const Flags& flags) {
  std::vector<std::filesystem::path> parts, inputs;
  for (const std::string& summary : flags.summaries) {
    const bool is_part = std::filesystem::path(summary).extension() == ".part";
    parts.push_back(is_part ? std::filesystem::path(summary) : PartOf(summary));
    inputs.insert(inputs.end(), {parts.back(), summary});
  }
  RETURN_IF_ERROR(flags.results.Check(inputs));
  ASSIGN_OR_RETURN(const auto outcomes, OutcomeWriter::Open(flags.results.outcomes));
  ASSIGN_OR_RETURN(const auto summary, Merge(parts, outcomes.get()));
  return flags.results.Write(summary);
}

}  // namespace
}  // namespace vickrey::simulator

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  vickrey::base::Tool tool("vickrey-merge", "Puts a simulation together again from its shards", "vickrey eval merge");
  vickrey::simulator::Flags flags;
  CLI::App& app = tool.SetAction(
      "for i in 0 1; do vickrey simulate --market linear --auctions 10000 --models ctr@1 --scorer inprocess \\\n"
      "      --artifact-root /tmp/models --shard $i/2 --summary /tmp/shard$i.json; done\n"
      "  vickrey eval merge /tmp/shard0.json /tmp/shard1.json",
      [&flags] { return vickrey::simulator::Run(flags); });
  app.add_option("PART", flags.summaries, "The --summary of each shard, in any order; FILE.part lies beside it")
      ->required();
  flags.results.Declare(app);
  return tool.Run(argc, argv);
}
