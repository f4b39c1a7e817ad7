#include "tools/load_requests.h"

#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "vickrey/base/config.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/random.h"
#include "vickrey/base/tool.h"
#include "vickrey/features/encode.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/market/market.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey::tools {
namespace {

using client::PreparedRequest;
using vickrey::v1::Auction;
using vickrey::v1::FeatureField;

// An id of this run, ended by kIdDigits zeros: ids of two runs never meet.
std::string IdOfRun() {
  return absl::StrFormat("load-%x-%x-", absl::GetCurrentTimeNanos(), getpid()) +
         std::string(PreparedRequest::kIdDigits, '0');
}

class Preparer {
 public:
  static absl::StatusOr<Preparer> Create(const RequestFlags& flags) {
    Preparer preparer(flags);
    ASSIGN_OR_RETURN(preparer.model_, client::ParseModelRef(flags.model));
    if (!flags.rules.given().empty()) {
      ASSIGN_OR_RETURN(preparer.rules_, flags.rules.Message());
    }
    return preparer;
  }

  size_t size() const { return requests_.size(); }
  bool full() const { return static_cast<int64_t>(requests_.size()) >= flags_.requests; }
  std::vector<PreparedRequest> Take() { return std::move(requests_); }

  void Add(Auction auction) {
    PreparedRequest request;
    if (flags_.log) auction.set_auction_id(id_);
    if (flags_.method == "predict") {
      vickrey::v1::PredictRequest message;
      *message.mutable_model() = model_;
      *message.mutable_auction() = std::move(auction);
      request.bytes = message.SerializeAsString();
    } else {
      vickrey::v1::RunAuctionRequest message;
      *message.mutable_model() = model_;
      *message.mutable_auction() = std::move(auction);
      if (rules_.has_value()) *message.mutable_rules() = *rules_;
      message.set_log(flags_.log);
      request.bytes = message.SerializeAsString();
    }
    if (flags_.log) request.id_at = request.bytes.find(id_) + id_.size() - PreparedRequest::kIdDigits;
    requests_.push_back(std::move(request));
  }

 private:
  explicit Preparer(const RequestFlags& flags) : flags_(flags) {}

  const RequestFlags& flags_;
  const std::string id_ = IdOfRun();
  vickrey::v1::ModelRef model_;
  std::optional<vickrey::v1::AuctionRules> rules_;
  std::vector<PreparedRequest> requests_;
};

// Named features become encoded ones.
absl::Status EncodeSide(const features::Schema& schema, FeatureField::Side side, vickrey::v1::Features* features) {
  vickrey::v1::EncodedFeatures encoded;
  RETURN_IF_ERROR(features::Encode(schema, side, features->named(), "", &encoded));
  *features->mutable_encoded() = std::move(encoded);
  return absl::OkStatus();
}

absl::Status FromMarket(const RequestFlags& flags, Preparer* preparer) {
  vickrey::config::v1::MarketConfig config;
  if (!flags.params.empty()) RETURN_IF_ERROR(base::LoadConfigFile(flags.params, &config));
  config.set_scenario(flags.market);
  std::vector<std::unique_ptr<market::Market>> markets;  // one for each size
  if (flags.candidates.empty()) {
    ASSIGN_OR_RETURN(auto market, market::Market::Create(config, flags.seed));
    markets.push_back(std::move(market));
  }
  for (const int candidates : flags.candidates) {
    config.set_candidates(candidates);
    config.clear_max_candidates();
    auto market = market::Market::Create(config, flags.seed);
    RETURN_IF_ERROR(base::AboutField(base::Annotate(market.status(), "--candidates"), "--candidates"));
    markets.push_back(*std::move(market));
  }
  ASSIGN_OR_RETURN(const auto schema, features::Schema::Create(markets[0]->schema()));
  base::RandomStream random(flags.seed, base::StreamId("load.candidates"), 0);
  for (int64_t i = 0; !preparer->full(); ++i) {
    ASSIGN_OR_RETURN(auto record, log::FromLine(markets[random.Below(markets.size())]->GenerateLine(i)));
    Auction& auction = *record.mutable_auction();
    if (flags.encoded) {
      RETURN_IF_ERROR(EncodeSide(*schema, FeatureField::CONTEXT, auction.mutable_context()));
      for (auto& candidate : *auction.mutable_candidates()) {
        RETURN_IF_ERROR(EncodeSide(*schema, FeatureField::AD, candidate.mutable_features()));
      }
    }
    preparer->Add(std::move(auction));
  }
  return absl::OkStatus();
}

absl::Status FromLog(const RequestFlags& flags, Preparer* preparer) {
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.db, flags.snapshot));
  log::LogReader::ScanOptions options;
  options.join = false;  // what was offered is all that is asked again
  ASSIGN_OR_RETURN(const auto scan, reader->NewScan(options));
  vickrey::v1::LoggedAuction record;
  while (!preparer->full()) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) break;
    preparer->Add(std::move(*record.mutable_auction()));
  }
  if (preparer->size() == 0) return base::InvalidField("--db", "there is no auction in it");
  return absl::OkStatus();
}

absl::Status FromStdin(Preparer* preparer) {
  RETURN_IF_ERROR(base::ForEachLine<vickrey::v1::AuctionLine>([&](const auto& line) -> absl::Status {
    if (preparer->full()) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto record, log::FromLine(line));
    preparer->Add(std::move(*record.mutable_auction()));
    return absl::OkStatus();
  }));
  if (preparer->size() > 0) return absl::OkStatus();
  return absl::InvalidArgumentError("there is no auction on stdin, and neither --market nor --db is given");
}

absl::Status Check(const RequestFlags& flags) {
  if (flags.log && flags.method != "auction") return base::InvalidField("--log", "goes with --method auction only");
  if (const std::string rule = flags.rules.given(); !rule.empty() && flags.method != "auction") {
    return base::InvalidField(rule, "goes with --method auction only");
  }
  if (flags.market.empty()) {
    if (!flags.params.empty()) return base::InvalidField("--params", "goes with --market only");
    if (!flags.candidates.empty()) return base::InvalidField("--candidates", "goes with --market only");
    if (flags.encoded) return base::InvalidField("--encoded", "goes with --market only");
  }
  for (const int candidates : flags.candidates) {
    if (candidates >= 1 && candidates <= base::kMaxCandidates) continue;
    return base::InvalidField("--candidates", absl::StrCat(candidates, " is not in 1 .. ", base::kMaxCandidates));
  }
  if (flags.db.empty() != flags.snapshot.empty()) {
    return base::InvalidField(flags.db.empty() ? "--db" : "--snapshot", "--db and --snapshot go together");
  }
  return absl::OkStatus();
}

}  // namespace

void RequestFlags::Declare(CLI::App& app) {
  app.add_option("--method", method, "predict or auction")->check(CLI::IsMember({"predict", "auction"}));
  app.add_option("--model", model, "NAME, NAME@VERSION or NAME:LABEL; NAME alone is its label `stable`")->required();
  app.add_flag("--log", log, "Have the server log each auction, under an id of its own");
  rules.Declare(app);
  auto* from_market = app.add_option("--market", market, "Requests of this scenario: see `vickrey market list`");
  app.add_option("--params", params, "With --market: a YAML or JSON file of MarketConfig")->check(CLI::ExistingFile);
  app.add_option("--candidates", candidates, "With --market: sizes of auctions, such as 8,32,200, drawn by the seed")
      ->delimiter(',')
      ->default_str("the scenario's");
  app.add_flag("--encoded", encoded, "With --market: features encoded instead of named");
  app.add_option("--db", db, "Requests of a log's snapshot; else JSON lines of stdin")->excludes(from_market);
  app.add_option("--snapshot", snapshot, "With --db: the snapshot's id");
  app.add_option("--requests", requests, "Different requests at most, sent in turn")->check(CLI::Range(1, 10'000'000));
  app.add_option("--seed", seed, "Everything random follows from it");
}

absl::StatusOr<std::vector<PreparedRequest>> PrepareRequests(const RequestFlags& flags) {
  RETURN_IF_ERROR(Check(flags));
  ASSIGN_OR_RETURN(Preparer preparer, Preparer::Create(flags));
  if (!flags.market.empty()) {
    RETURN_IF_ERROR(FromMarket(flags, &preparer));
  } else if (!flags.db.empty()) {
    RETURN_IF_ERROR(FromLog(flags, &preparer));
  } else {
    RETURN_IF_ERROR(FromStdin(&preparer));
  }
  return preparer.Take();
}

void SetMethod(const RequestFlags& flags, client::LoadOptions* options) {
  if (flags.method == "predict") {
    options->method = "/vickrey.v1.PredictionService/Predict";
    options->version_path = {vickrey::v1::PredictResponse::kModelVersionFieldNumber};
  } else {
    options->method = "/vickrey.v1.AuctionService/RunAuction";
    options->version_path = {vickrey::v1::RunAuctionResponse::kOutcomeFieldNumber,
                             vickrey::v1::Outcome::kModelVersionFieldNumber};
  }
}

}  // namespace vickrey::tools
