#ifndef TOOLS_LOG_H_
#define TOOLS_LOG_H_

#include "vickrey/base/tool.h"

namespace vickrey::tools {

// `vickrey log append` and `feedback`: answer each line of stdin after it is on disk.
void AddLogAppend(base::Tool& tool);
// `vickrey log import`.
void AddLogImport(base::Tool& tool);
// `vickrey log scan`, `export` and `stats`.
void AddLogRead(base::Tool& tool);
// `vickrey log snapshot create | list | delete | prune`.
void AddLogSnapshot(base::Tool& tool);
// `vickrey log prune` and `verify`.
void AddLogCare(base::Tool& tool);

}  // namespace vickrey::tools

#endif  // TOOLS_LOG_H_
