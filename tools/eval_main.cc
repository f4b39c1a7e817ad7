// `vickrey eval`: auctions and metrics on JSON lines.
#include "tools/eval.h"
#include "tools/tool.h"

int main(int argc, char** argv) {
  vickrey::tools::Tool tool("vickrey-eval", "Runs auctions and computes metrics on JSON lines");
  vickrey::tools::AddEvalAuction(tool);
  vickrey::tools::AddEvalMetrics(tool);
  vickrey::tools::AddEvalCompare(tool);
  return tool.Run(argc, argv);
}
