// `vickrey eval`: auctions, losses and metrics on JSON lines.
#include <string_view>

#include "tools/eval.h"
#include "vickrey/base/program.h"
#include "vickrey/base/tool.h"

namespace {

// Verbs that are programs of their own: losses are the trainer's, on LibTorch, and shards the simulator's.
struct Other {
  const char* verb;
  const char* program;
  const char* summary;
  const char* example;
};
constexpr Other kOthers[] = {
    {"loss", "vickrey-loss", "Compute a training objective and its gradient of each auction",
     "vickrey eval loss --help"},
    {"pointwise-loss", "vickrey-pointwise-loss", "Compute a loss of forecasts and its gradient of each line",
     "vickrey eval pointwise-loss --help"},
    {"merge", "vickrey-merge", "Put a simulation together again from its shards", "vickrey eval merge --help"},
};

}  // namespace

int main(int argc, char** argv) {
  const auto become = [&](const Other& other) { return vickrey::base::BecomeProgram(other.program, argv + 2); };
  for (const Other& other : kOthers) {
    if (argc > 1 && argv[1] == std::string_view(other.verb)) return vickrey::base::Exit(become(other));
  }
  vickrey::base::Tool tool("vickrey-eval", "Runs auctions and computes losses and metrics on JSON lines");
  vickrey::tools::AddEvalAuction(tool);
  vickrey::tools::AddEvalMetrics(tool);
  vickrey::tools::AddEvalCompare(tool);
  vickrey::tools::AddEvalOffPolicy(tool);
  vickrey::tools::AddEvalOnline(tool);
  vickrey::tools::AddEvalWalkForward(tool);
  for (const Other& other : kOthers) {
    tool.AddVerb(other.verb, other.summary, other.example, [&] { return become(other); });
  }
  return tool.Run(argc, argv);
}
