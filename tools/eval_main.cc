// `vickrey eval`: auctions, losses and metrics on JSON lines.
#include <string_view>

#include "tools/eval.h"
#include "vickrey/base/program.h"
#include "vickrey/base/tool.h"

int main(int argc, char** argv) {
  // Losses are the trainer's, on LibTorch: a program of their own.
  const auto loss = [&] { return vickrey::base::BecomeProgram("vickrey-loss", argv + 2); };
  // Shards are the simulator's.
  const auto merge = [&] { return vickrey::base::BecomeProgram("vickrey-merge", argv + 2); };
  if (argc > 1 && argv[1] == std::string_view("loss")) return vickrey::base::Exit(loss());
  if (argc > 1 && argv[1] == std::string_view("merge")) return vickrey::base::Exit(merge());
  vickrey::base::Tool tool("vickrey-eval", "Runs auctions and computes losses and metrics on JSON lines");
  vickrey::tools::AddEvalAuction(tool);
  tool.AddVerb("loss", "Compute a training objective and its gradient of each auction", "vickrey eval loss --help",
               loss);
  vickrey::tools::AddEvalMetrics(tool);
  vickrey::tools::AddEvalCompare(tool);
  vickrey::tools::AddEvalOffPolicy(tool);
  tool.AddVerb("merge", "Put a simulation together again from its shards", "vickrey eval merge --help", merge);
  return tool.Run(argc, argv);
}
