#ifndef TOOLS_CLIENT_H_
#define TOOLS_CLIENT_H_

#include "vickrey/base/tool.h"

namespace vickrey::tools {

// `vickrey predict`: click probabilities of each auction of stdin, from a server or from an artifact.
void AddPredict(base::Tool& tool);
// `vickrey auction`: has a server run each auction of stdin.
void AddAuction(base::Tool& tool);
// `vickrey models verify | show | register | upload | list | get | label | delete | promote`.
void AddModels(base::Tool& tool);
// The last of these.
void AddPromote(base::Tool& tool, CLI::App& models);
// `vickrey health`.
void AddHealth(base::Tool& tool);

}  // namespace vickrey::tools

#endif  // TOOLS_CLIENT_H_
