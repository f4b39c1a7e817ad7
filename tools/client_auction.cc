#include <memory>
#include <optional>
#include <string>

#include "client/client.h"
#include "client/connect.h"
#include "tools/asked_rules.h"
#include "tools/client.h"
#include "tools/line_terms.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;

struct AuctionFlags {
  std::string address, model;
  bool log = false;
  std::optional<double> explore;
  AskedRules rules;
};

absl::Status RunAuctions(const AuctionFlags& flags) {
  vickrey::v1::RunAuctionRequest request;
  ASSIGN_OR_RETURN(*request.mutable_model(), client::ParseModelRef(flags.model));
  ASSIGN_OR_RETURN(*request.mutable_rules(), flags.rules.Message());
  request.set_log(flags.log);
  if (flags.explore.has_value()) request.set_explore(*flags.explore);
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  return base::ForEachLine<AuctionLine>([&](const AuctionLine& in) -> absl::Status {
    ASSIGN_OR_RETURN(auto record, log::FromLine(in));
    *request.mutable_auction() = std::move(*record.mutable_auction());
    const auto outcome = client->RunAuction(request);
    RETURN_IF_ERROR(InLineTerms(outcome.status()));
    base::WriteLine(*outcome);
    return absl::OkStatus();
  });
}

}  // namespace

void AddAuction(base::Tool& tool) {
  const auto flags = std::make_shared<AuctionFlags>();
  CLI::App& app = tool.AddVerb("auction", "Have a server run each auction of stdin",
                               "vickrey auction --address 127.0.0.1:50051 --model ctr < /dev/null",
                               [flags] { return RunAuctions(*flags); });
  app.add_option("--address", flags->address, "The server's HOST:PORT")->required();
  app.add_option("--model", flags->model, "NAME, NAME@VERSION or NAME:LABEL; NAME alone is its label `stable`")
      ->required();
  app.add_flag("--log", flags->log, "Keep the auction and its outcome in the server's log");
  app.add_option("--explore", flags->explore,
                 "The share of auctions whose slots are given at random, in [0, 1]; not with --placement")
      ->default_str("that of the placement, else 0");
  flags->rules.Declare(app);
}

}  // namespace vickrey::tools
