#ifndef TOOLS_EVAL_H_
#define TOOLS_EVAL_H_

#include "tools/tool.h"

namespace vickrey::tools {

// `vickrey eval auction`: decides and judges each auction of stdin.
void AddEvalAuction(Tool& tool);
// `vickrey eval metrics`: judges all auctions of stdin together.
void AddEvalMetrics(Tool& tool);
// `vickrey eval compare A B`: compares two models' outcomes of the same auctions.
void AddEvalCompare(Tool& tool);

}  // namespace vickrey::tools

#endif  // TOOLS_EVAL_H_
