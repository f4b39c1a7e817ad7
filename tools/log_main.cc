// `vickrey log`: the impression log in a folder of this machine.
#include "tools/log.h"
#include "vickrey/base/tool.h"

int main(int argc, char** argv) {
  vickrey::base::Tool tool("vickrey-log",
                           "Appends to, reads, imports into, exports from, checks and prunes an impression log");
  vickrey::tools::AddLogAppend(tool);
  vickrey::tools::AddLogImport(tool);
  vickrey::tools::AddLogRead(tool);
  vickrey::tools::AddLogSnapshot(tool);
  vickrey::tools::AddLogCare(tool);
  return tool.Run(argc, argv);
}
