// `vickrey predict`, `auction`, `models`, `health`: what talks to a server, or stands in for one.
#include "tools/client.h"

int main(int argc, char** argv) {
  vickrey::base::Tool tool("vickrey-client", "Talks to a server", "vickrey");
  vickrey::tools::AddPredict(tool);
  vickrey::tools::AddAuction(tool);
  vickrey::tools::AddModels(tool);
  vickrey::tools::AddHealth(tool);
  return tool.Run(argc, argv);
}
