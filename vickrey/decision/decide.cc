#include "vickrey/decision/decide.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"
#include "vickrey/base/time.h"
#include "vickrey/features/schema.h"

namespace vickrey::decision {
namespace {

using vickrey::v1::Auction;
using vickrey::v1::AuctionRules;
using vickrey::v1::Bid;
using vickrey::v1::Candidate;
using vickrey::v1::Outcome;

absl::Status CheckId(const std::string& field, const std::string& id) {
  if (features::IsId(id)) return absl::OkStatus();
  return base::InvalidField(
      field, absl::StrCat("'", absl::CHexEscape(id.substr(0, 40)), "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
}

absl::Status CheckBid(const std::string& at, const Candidate& candidate) {
  const Bid& bid = candidate.bid();
  if (bid.unit() != Bid::UNSPECIFIED && bid.unit() != Bid::CLICK) {
    const std::string name = Bid::Unit_IsValid(bid.unit()) ? Bid::Unit_Name(bid.unit()) : absl::StrCat(bid.unit());
    return base::InvalidField(at + "bid.unit", absl::StrCat(name, " is not accepted; only CLICK is"));
  }
  if (bid.micros() < auction::kMinBidMicros || bid.micros() > auction::kMaxBidMicros) {
    return base::InvalidField(at + "bid.micros",
                              absl::StrCat(bid.micros(), " is out of range; ", auction::kMinBidMicros, " to ",
                                           auction::kMaxBidMicros, " micros are allowed"));
  }
  if (candidate.has_value_micros() &&
      (candidate.value_micros() < 0 || candidate.value_micros() > auction::kMaxBidMicros)) {
    return base::InvalidField(at + "value_micros", absl::StrCat(candidate.value_micros(), " is out of range; 0 to ",
                                                                auction::kMaxBidMicros, " are allowed"));
  }
  return absl::OkStatus();
}

absl::Status CheckCandidate(const std::string& at, const Candidate& candidate, bool bids) {
  RETURN_IF_ERROR(CheckId(at + "ad_id", candidate.ad_id()));
  if (!candidate.advertiser_id().empty()) RETURN_IF_ERROR(CheckId(at + "advertiser_id", candidate.advertiser_id()));
  return bids ? CheckBid(at, candidate) : absl::OkStatus();
}

absl::Status CheckCurrency(const std::string& field, const std::string& code) {
  bool good = code.empty() || code.size() == 3;
  for (const char c : code) good = good && absl::ascii_isupper(static_cast<unsigned char>(c));
  if (good) return absl::OkStatus();
  return base::InvalidField(
      field, absl::StrCat("'", absl::CHexEscape(code.substr(0, 40)), "' is not three capital letters of ISO 4217"));
}

}  // namespace

absl::Status CheckOffer(const Auction& auction, std::string_view prefix, bool bids) {
  const std::string where(prefix);
  RETURN_IF_ERROR(CheckId(where + "auction_id", auction.auction_id()));
  RETURN_IF_ERROR(CheckCurrency(where + "currency_code", auction.currency_code()));
  if (auction.event_time() < 0 || auction.event_time() > base::kLastEventTime) {
    return base::InvalidField(where + "event_time",
                              absl::StrCat(auction.event_time(), " is out of range; 0 to ", base::kLastEventTime,
                                           " microseconds since 1970-01-01 UTC are allowed"));
  }
  if (auction.candidates().empty() || auction.candidates_size() > base::kMaxCandidates) {
    return base::InvalidField(where + "candidates", absl::StrCat("has ", auction.candidates_size(), " entries; 1 to ",
                                                                 base::kMaxCandidates, " are allowed"));
  }
  for (int i = 0; i < auction.candidates_size(); ++i) {
    // The text of where it is costs as much as the rest, and only errors need it.
    if (CheckCandidate("", auction.candidates(i), bids).ok()) continue;
    return CheckCandidate(absl::StrCat(where, "candidates[", i, "]."), auction.candidates(i), bids);
  }
  return absl::OkStatus();
}

absl::StatusOr<auction::Rules> ReadRules(const AuctionRules& rules, std::string_view where) {
  if (!rules.placement().empty()) {
    return base::InvalidField(absl::StrCat(std::string(where), "placement"), "only a server knows its placements");
  }
  if (!AuctionRules::Mechanism_IsValid(rules.mechanism())) {
    return base::InvalidField(absl::StrCat(std::string(where), "mechanism"),
                              absl::StrCat(rules.mechanism(), " is not a mechanism"));
  }
  auction::Rules checked;
  if (rules.mechanism() != AuctionRules::UNSPECIFIED) {
    checked.mechanism = absl::AsciiStrToLower(AuctionRules::Mechanism_Name(rules.mechanism()));
  }
  if (rules.slots() != 0) checked.slots = rules.slots();
  checked.position_multipliers.assign(rules.position_multipliers().begin(), rules.position_multipliers().end());
  if (rules.reserve().has_click_micros()) {
    checked.reserve = {auction::Reserve::Kind::kClick, rules.reserve().click_micros()};
  } else if (rules.reserve().has_mille_micros()) {
    checked.reserve = {auction::Reserve::Kind::kMille, rules.reserve().mille_micros()};
  }
  return checked;
}

absl::StatusOr<std::unique_ptr<auction::Mechanism>> MakeMechanism(const AuctionRules& rules, std::string_view where) {
  ASSIGN_OR_RETURN(const auction::Rules read, ReadRules(rules, where));
  auto mechanism = auction::MakeMechanism(read);
  if (mechanism.ok()) return mechanism;
  const auto field = base::FieldOf(mechanism.status());
  return base::AboutField(absl::InvalidArgumentError(absl::StrCat(std::string(where), mechanism.status().message())),
                          absl::StrCat(std::string(where), field.value_or("")));
}

absl::StatusOr<Outcome> Decide(const model::Model& model, const auction::Mechanism& mechanism, const Auction& auction,
                               std::string_view where) {
  RETURN_IF_ERROR(CheckOffer(auction, where, /*bids=*/true));
  ASSIGN_OR_RETURN(const model::Model::Prediction prediction, model.Predict(auction, where));
  std::vector<auction::Candidate> candidates;
  candidates.reserve(auction.candidates_size());
  for (int i = 0; i < auction.candidates_size(); ++i) {
    candidates.push_back({auction.candidates(i).bid().micros(), prediction.pctr[i]});
  }
  ASSIGN_OR_RETURN(const auction::Outcome decided, mechanism.Run(auction.auction_id(), candidates));
  Outcome outcome;
  outcome.set_auction_id(auction.auction_id());
  outcome.set_model_name(model.name());
  outcome.set_model_version(model.version());
  outcome.mutable_pctr()->Add(prediction.pctr.begin(), prediction.pctr.end());
  outcome.mutable_ranking()->Add(decided.ranking.begin(), decided.ranking.end());
  for (const Candidate& candidate : auction.candidates()) outcome.add_ad_ids(candidate.ad_id());
  for (const auction::Placement& placement : decided.placements) {
    auto& sold = *outcome.add_placements();
    sold.set_slot(placement.slot);
    sold.set_index(placement.index);
    sold.set_ad_id(auction.candidates(placement.index).ad_id());
    sold.set_score(placement.score);
    sold.set_price_micros(placement.price_micros);
    sold.set_examination(placement.examination);
  }
  return outcome;
}

}  // namespace vickrey::decision
