#ifndef TOOLS_EVAL_H_
#define TOOLS_EVAL_H_

#include "vickrey/base/tool.h"

namespace vickrey::tools {

// `vickrey eval auction`: decides and judges each auction of stdin.
void AddEvalAuction(base::Tool& tool);
// `vickrey eval metrics`: judges all auctions of stdin together.
void AddEvalMetrics(base::Tool& tool);
// `vickrey eval compare A B`: compares two models' outcomes of the same auctions.
void AddEvalCompare(base::Tool& tool);
// `vickrey eval off-policy`: judges a policy by the logged decisions of another.
void AddEvalOffPolicy(base::Tool& tool);
// `vickrey eval online`: compares two versions by the auctions that they decided.
void AddEvalOnline(base::Tool& tool);
// `vickrey eval walkforward`: what positions in a price came to.
void AddEvalWalkForward(base::Tool& tool);

}  // namespace vickrey::tools

#endif  // TOOLS_EVAL_H_
