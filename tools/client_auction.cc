#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connect.h"
#include "tools/client.h"
#include "tools/rule_flags.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::AuctionRules;

struct Flags {
  std::string address, model, placement;
  bool log = false;
  RuleFlags rules;
};

// Rules go to the server as they were given: it is the one that checks them.
absl::StatusOr<AuctionRules> RulesOf(const std::string& placement, const RuleFlags& flags) {
  AuctionRules rules;
  rules.set_placement(placement);
  if (!placement.empty()) return rules;
  AuctionRules::Mechanism mechanism;
  if (!AuctionRules::Mechanism_Parse(absl::AsciiStrToUpper(flags.mechanism), &mechanism)) {
    return base::InvalidField("--mechanism", absl::StrCat("'", flags.mechanism, "' is not known"));
  }
  rules.set_mechanism(mechanism);
  rules.set_slots(flags.slots);
  rules.mutable_position_multipliers()->Add(flags.position_multipliers.begin(), flags.position_multipliers.end());
  if (flags.reserve_click_micros > 0) rules.mutable_reserve()->set_click_micros(flags.reserve_click_micros);
  if (flags.reserve_mille_micros > 0) rules.mutable_reserve()->set_mille_micros(flags.reserve_mille_micros);
  return rules;
}

absl::Status Run(const Flags& flags) {
  vickrey::v1::RunAuctionRequest request;
  ASSIGN_OR_RETURN(*request.mutable_model(), client::ParseModelRef(flags.model));
  ASSIGN_OR_RETURN(*request.mutable_rules(), RulesOf(flags.placement, flags.rules));
  request.set_log(flags.log);
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  return base::ForEachLine<AuctionLine>([&](const AuctionLine& in) -> absl::Status {
    ASSIGN_OR_RETURN(auto record, log::FromLine(in));
    *request.mutable_auction() = std::move(*record.mutable_auction());
    ASSIGN_OR_RETURN(const auto outcome, client->RunAuction(request));
    base::WriteLine(outcome);
    return absl::OkStatus();
  });
}

}  // namespace

void AddAuction(base::Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = tool.AddVerb("auction", "Have a server run each auction of stdin",
                               "vickrey auction --address 127.0.0.1:50051 --model ctr < /dev/null",
                               [flags] { return Run(*flags); });
  app.add_option("--address", flags->address, "The server's HOST:PORT")->required();
  app.add_option("--model", flags->model, "NAME, NAME@VERSION or NAME:LABEL; NAME alone is its label `stable`")
      ->required();
  app.add_flag("--log", flags->log, "Keep the auction and its outcome in the server's log");
  CLI::Option* const placement = app.add_option("--placement", flags->placement,
                                                "The server's name for the rules, in the place of the flags below")
                                     ->default_str("none");
  flags->rules.Declare(app);
  for (const char* flag :
       {"--mechanism", "--slots", "--position-multipliers", "--reserve-click-micros", "--reserve-mille-micros"}) {
    placement->excludes(app.get_option(flag));
  }
}

}  // namespace vickrey::tools
