// `vickrey traffic`: a market's auctions, decided and logged by a server, and the clicks that come of them.
#include <iostream>

#include "simulator/config_flags.h"
#include "simulator/traffic.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/tool.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::TrafficConfig;

struct Flags {
  bool json = false;
  ConfigFlags config{{
      {"--market", "market.scenario", "Auctions of this scenario; see `vickrey market list`"},
      {"--auctions", "auctions", "How many auctions"},
      {"--first", "first", "The index of the market's first auction"},
      {"--seed", "seed", "The market's"},
      {"--address", "address", "The server's HOST:PORT; it must keep a log"},
      {"--model", "model", "NAME, NAME@VERSION or NAME:LABEL; NAME alone lets a canary have its share"},
      {"--explore", "explore", "The share of auctions whose slots are given at random"},
      {"--in-flight", "in_flight", "Calls under way at a time"},
      {"--mechanism", "mechanism", "second_price, gsp, vcg or first_price"},
      {"--slots", "slots", "Slots to sell"},
      {"--reserve-click-micros", "reserve_click_micros", "Least bid, micros a click"},
      {"--reserve-mille-micros", "reserve_mille_micros", "Least score, micros a thousand impressions"},
  }};
};

absl::Status Run(const Flags& flags) {
  ASSIGN_OR_RETURN(const TrafficConfig config,
                   flags.config.Read<TrafficConfig>([](TrafficConfig*) { return absl::OkStatus(); }));
  std::cerr << "{\"config\":" << base::ToJson(config) << "}\n";
  ASSIGN_OR_RETURN(const auto line, SendTraffic(config));
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::simulator

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  vickrey::base::Tool tool("vickrey-traffic",
                           "Has a server decide and log a market's auctions, and reports the clicks that come of them");
  vickrey::simulator::Flags flags;
  CLI::App& app = tool.SetAction(
      "vickrey traffic --market linear --auctions 1000 --seed 1 --address 127.0.0.1:50051 --model ctr --explore 0.1",
      [&flags] { return vickrey::simulator::Run(flags); });
  flags.config.Declare<vickrey::config::v1::TrafficConfig>(app);
  app.add_flag("--json", flags.json, "JSON on a terminal too");
  return tool.Run(argc, argv);
}
