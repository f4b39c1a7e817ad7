#include "vickrey/log/record.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"
#include "vickrey/base/time.h"
#include "vickrey/base/utf8.h"
#include "vickrey/features/schema.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {
namespace {

using base::InvalidField;
using vickrey::v1::AuctionLine;
using vickrey::v1::Bid;
using vickrey::v1::CandidateLine;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;
using vickrey::v1::LoggedCandidate;

constexpr int64_t kMaxMilleMicros = 1'000'000'000'000'000'000;  // of a thousand impressions
constexpr int64_t kMaxConversions = 1'000'000'000;

// Where a value stands; a text is made of it where something is wrong only, for records are checked by the million.
struct Place {
  Place(const char* name) : field(name) {}  // NOLINT(google-explicit-constructor): a field of the record, by its name
  Place(int i, const char* name) : candidate(i), field(name) {}  // a field of candidates[i]
  std::string Text() const { return candidate < 0 ? field : absl::StrCat("candidates[", candidate, "].", field); }
  int candidate = -1;
  const char* field;
};

absl::Status CheckId(const Place& place, std::string_view id) {
  if (features::IsId(id)) return absl::OkStatus();
  return InvalidField(place.Text(), absl::StrCat("'", std::string(id.substr(0, 60)),
                                                 "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
}

constexpr int64_t kMilliseconds2100 = 4'102'444'800'000;  // a time above it is in microseconds

absl::Status CheckTime(const Place& place, int64_t micros) {
  if (micros < kMilliseconds2100) RETURN_IF_ERROR(CheckTimeUnit(place.Text(), micros));
  if (micros > 0 && micros <= base::kLastEventTime) return absl::OkStatus();
  return InvalidField(place.Text(),
                      absl::StrCat(micros, " is not a time in microseconds since 1970, up to the year 9999"));
}

absl::Status CheckRange(const Place& place, int64_t number, int64_t min, int64_t max) {
  if (number >= min && number <= max) return absl::OkStatus();
  return InvalidField(place.Text(), absl::StrCat(number, " is out of range; ", min, " to ", max, " are allowed"));
}

// A probability in [0, 1], or in (0, 1].
absl::Status CheckProbability(const Place& place, double p, bool zero_too) {
  if ((zero_too ? p >= 0 : p > 0) && p <= 1) return absl::OkStatus();
  return InvalidField(place.Text(), absl::StrCat(p, " is not in ", zero_too ? "[0, 1]" : "(0, 1]"));
}

absl::Status CheckLogged(int i, const LoggedCandidate& c) {
  if (c.has_slot() && (c.slot() < 0 || c.slot() > base::kMaxCandidates)) {
    return InvalidField(Place(i, "slot").Text(), absl::StrCat(c.slot(), " is out of range; 0 (not shown) to ",
                                                              base::kMaxCandidates, " are allowed"));
  }
  if (c.has_examination()) RETURN_IF_ERROR(CheckProbability({i, "examination"}, c.examination(), false));
  if (c.has_propensity()) RETURN_IF_ERROR(CheckProbability({i, "propensity"}, c.propensity(), false));
  if (c.has_price_micros()) RETURN_IF_ERROR(CheckRange({i, "price_micros"}, c.price_micros(), 0, kMaxMicros));
  if (c.has_bid_mille_micros()) {
    RETURN_IF_ERROR(CheckRange({i, "bid_mille_micros"}, c.bid_mille_micros(), 0, kMaxMilleMicros));
  }
  if (c.has_price_mille_micros()) {
    RETURN_IF_ERROR(CheckRange({i, "price_mille_micros"}, c.price_mille_micros(), 0, kMaxMilleMicros));
  }
  if (c.has_conversions()) RETURN_IF_ERROR(CheckRange({i, "conversions"}, c.conversions(), 0, kMaxConversions));
  if (c.has_conversion_value_micros()) {
    RETURN_IF_ERROR(CheckRange({i, "conversion_value_micros"}, c.conversion_value_micros(), 0, kMaxMicros));
  }
  if (c.has_pctr()) RETURN_IF_ERROR(CheckProbability({i, "pctr"}, c.pctr(), true));
  if (c.has_ctr()) RETURN_IF_ERROR(CheckProbability({i, "ctr"}, c.ctr(), true));
  if (c.has_teacher()) RETURN_IF_ERROR(CheckProbability({i, "teacher"}, c.teacher(), true));
  return absl::OkStatus();
}

absl::Status CheckText(const std::string& field, const std::string& text) {
  return base::IsUtf8(text) ? absl::OkStatus() : InvalidField(field, "is not UTF-8");
}

// The texts of a value, or of what is in it, that are not UTF-8 have their place in `at` then; it is found on the way
// back, so that what is good costs no texts.
bool IsText(const google::protobuf::Struct& named, std::string* at);

bool IsText(const google::protobuf::Value& value, std::string* at) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kStringValue:
      return base::IsUtf8(value.string_value());
    case google::protobuf::Value::kStructValue:
      return IsText(value.struct_value(), at);
    case google::protobuf::Value::kListValue:
      return std::all_of(value.list_value().values().begin(), value.list_value().values().end(),
                         [&](const google::protobuf::Value& member) { return IsText(member, at); });
    default:
      return true;
  }
}

bool IsText(const google::protobuf::Struct& named, std::string* at) {
  for (const auto& [name, value] : named.fields()) {
    if (!base::IsUtf8(name)) return false;
    if (IsText(value, at)) continue;
    *at = absl::StrCat(".", name, *at);
    return false;
  }
  return true;
}

absl::Status CheckNamed(const Place& place, const google::protobuf::Struct& named) {
  std::string below;
  return IsText(named, &below) ? absl::OkStatus() : InvalidField(place.Text() + below, "is not UTF-8");
}

// What can be said of encoded arrays without their schema. `schema_id` is that of the record's others, or empty.
absl::Status CheckEncoded(const Place& place, const vickrey::v1::EncodedFeatures& encoded,
                          std::string_view* schema_id) {
  const auto fault = [&](const std::string& what, const std::string& why) {
    return InvalidField(absl::StrCat(place.Text(), ".", what), why);
  };
  const std::string& id = encoded.schema_id();
  if (id.size() != 16 || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return fault("schema_id", "is not 16 hexadecimal digits");
  }
  if (!schema_id->empty() && *schema_id != id) {
    return fault("schema_id",
                 absl::StrCat("'", id, "' is not the auction's other one, '", std::string(*schema_id), "'"));
  }
  *schema_id = id;
  for (int i = 0; i < encoded.dense_size(); ++i) {
    if (std::isinf(encoded.dense(i))) return fault(absl::StrCat("dense[", i, "]"), "is infinite; NaN means missing");
  }
  int64_t members = 0;
  for (const uint32_t length : encoded.bag_lengths()) members += length;
  if (members != encoded.bag_fingerprints_size()) {
    return fault("bag_fingerprints",
                 absl::StrCat("has ", encoded.bag_fingerprints_size(), " entries; bag_lengths sum to ", members));
  }
  return absl::OkStatus();
}

absl::Status CheckFeatures(const Place& named, const Place& encoded, const vickrey::v1::Features& features,
                           std::string_view* schema_id) {
  if (features.has_named()) return CheckNamed(named, features.named());
  if (features.has_encoded()) return CheckEncoded(encoded, features.encoded(), schema_id);
  return absl::OkStatus();
}

absl::Status CheckCurrency(const std::string& code) {
  if (code.empty()) return absl::OkStatus();
  bool letters = code.size() == 3;
  for (const char c : code) letters = letters && c >= 'A' && c <= 'Z';
  if (letters) return absl::OkStatus();
  return InvalidField("currency_code",
                      absl::StrCat("'", code.substr(0, 60), "' is not three capital letters of ISO 4217"));
}

}  // namespace

absl::Status CheckTimeUnit(const std::string& field, int64_t micros) {
  constexpr int64_t kSeconds2000 = 946'684'800, kSeconds2100 = kMilliseconds2100 / 1000;
  for (const auto& [unit, a_second, factor] : {std::tuple("seconds", int64_t{1}, int64_t{1'000'000}),
                                               std::tuple("milliseconds", int64_t{1000}, int64_t{1000})}) {
    if (micros < kSeconds2000 * a_second || micros >= kSeconds2100 * a_second) continue;
    return InvalidField(field, absl::StrCat(micros, " seems to be in ", unit,
                                            "; it must be in microseconds since 1970, ", micros * factor, " say"));
  }
  return absl::OkStatus();
}

absl::Status Validate(const LoggedAuction& record) {
  const auto& auction = record.auction();
  RETURN_IF_ERROR(CheckId("auction_id", auction.auction_id()));
  RETURN_IF_ERROR(CheckTime("event_time", auction.event_time()));
  RETURN_IF_ERROR(CheckCurrency(auction.currency_code()));
  if (!auction.cluster_key().empty()) RETURN_IF_ERROR(CheckId("cluster_key", auction.cluster_key()));
  if (record.has_sampling_rate()) {
    RETURN_IF_ERROR(CheckProbability("sampling_rate", record.sampling_rate(), false));
  }
  if (record.reserve().has_click_micros()) {
    RETURN_IF_ERROR(CheckRange("reserve_click_micros", record.reserve().click_micros(), 1, kMaxMicros));
  }
  if (record.reserve().has_mille_micros()) {
    RETURN_IF_ERROR(CheckRange("reserve_mille_micros", record.reserve().mille_micros(), 1, kMaxMilleMicros));
  }
  RETURN_IF_ERROR(CheckText("model", record.model()));
  RETURN_IF_ERROR(CheckText("schema_id", record.schema_id()));
  std::string_view schema_id = record.schema_id();
  RETURN_IF_ERROR(CheckFeatures("context", "encoded_context", auction.context(), &schema_id));
  const int n = auction.candidates_size();
  if (n < 1 || n > base::kMaxCandidates) {
    return InvalidField("candidates", absl::StrCat("has ", n, " entries; 1 to ", base::kMaxCandidates, " are allowed"));
  }
  for (int i = 0; i < n; ++i) {
    const auto& candidate = auction.candidates(i);
    RETURN_IF_ERROR(CheckId({i, "ad_id"}, candidate.ad_id()));
    if (!candidate.advertiser_id().empty()) RETURN_IF_ERROR(CheckId({i, "advertiser_id"}, candidate.advertiser_id()));
    if (candidate.bid().unit() != Bid::UNSPECIFIED && candidate.bid().unit() != Bid::CLICK) {
      return InvalidField(Place(i, "bid.unit").Text(),
                          absl::StrCat(Bid::Unit_Name(candidate.bid().unit()), " is not supported; only CLICK is"));
    }
    RETURN_IF_ERROR(CheckRange({i, "bid_micros"}, candidate.bid().micros(), 1, kMaxMicros));
    RETURN_IF_ERROR(CheckFeatures({i, "features"}, {i, "encoded_features"}, candidate.features(), &schema_id));
    if (candidate.has_value_micros()) {
      RETURN_IF_ERROR(CheckRange({i, "value_micros"}, candidate.value_micros(), 0, kMaxMicros));
    }
  }
  if (record.candidates_size() != 0 && record.candidates_size() != n) {
    return InvalidField("candidates",
                        absl::StrCat("what is logged has ", record.candidates_size(), " entries; the auction has ", n));
  }
  for (int i = 0; i < record.candidates_size(); ++i) RETURN_IF_ERROR(CheckLogged(i, record.candidates(i)));
  return absl::OkStatus();
}

absl::Status Validate(const Feedback& feedback) {
  RETURN_IF_ERROR(CheckId("feedback_id", feedback.feedback_id()));
  if (!feedback.has_auction_id())
    return InvalidField("auction_id", "one of auction_id and impression_token is required");
  RETURN_IF_ERROR(CheckId("auction_id", feedback.auction_id()));
  RETURN_IF_ERROR(CheckId("ad_id", feedback.ad_id()));
  if (feedback.kind() != Feedback::CLICK && feedback.kind() != Feedback::CONVERSION) {
    return InvalidField("kind", "must be CLICK or CONVERSION");
  }
  RETURN_IF_ERROR(CheckTime("event_time", feedback.event_time()));
  if (feedback.has_value_micros()) {
    if (feedback.kind() != Feedback::CONVERSION) return InvalidField("value_micros", "is for CONVERSION only");
    RETURN_IF_ERROR(CheckRange("value_micros", feedback.value_micros(), 0, kMaxMicros));
  }
  return absl::OkStatus();
}

bool HasAd(const vickrey::v1::Auction& auction, std::string_view ad_id) {
  return std::any_of(auction.candidates().begin(), auction.candidates().end(),
                     [&](const auto& candidate) { return candidate.ad_id() == ad_id; });
}

absl::StatusOr<LoggedAuction> FromLine(const AuctionLine& line) {
  LoggedAuction record;
  auto& auction = *record.mutable_auction();
  auction.set_auction_id(line.auction_id());
  auction.set_event_time(line.event_time());
  auction.set_currency_code(line.currency_code());
  auction.set_cluster_key(line.cluster_key());
  if (line.has_sampling_rate()) record.set_sampling_rate(line.sampling_rate());
  record.set_model(line.model());
  record.set_schema_id(line.schema_id());
  if (line.has_reserve_click_micros() && line.has_reserve_mille_micros()) {
    return InvalidField("reserve_mille_micros", "is given beside reserve_click_micros; an auction has one reserve");
  }
  if (line.has_reserve_click_micros()) record.mutable_reserve()->set_click_micros(line.reserve_click_micros());
  if (line.has_reserve_mille_micros()) record.mutable_reserve()->set_mille_micros(line.reserve_mille_micros());
  const auto set_features = [](const auto* named, const auto* encoded, const std::string& at, auto features) {
    if (named != nullptr && encoded != nullptr) {
      return InvalidField(at, "is given both named and encoded; give one");
    }
    if (named != nullptr) *features()->mutable_named() = *named;
    if (encoded != nullptr) {
      *features()->mutable_encoded() = *encoded;
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(set_features(line.has_context() ? &line.context() : nullptr,
                               line.has_encoded_context() ? &line.encoded_context() : nullptr, "encoded_context",
                               [&] { return auction.mutable_context(); }));
  for (int i = 0; i < line.candidates_size(); ++i) {
    const CandidateLine& from = line.candidates(i);
    const std::string at = absl::StrCat("candidates[", i, "].");
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(from.ad_id());
    candidate.set_advertiser_id(from.advertiser_id());
    candidate.mutable_bid()->set_micros(from.bid_micros());
    if (from.has_value_micros()) candidate.set_value_micros(from.value_micros());
    RETURN_IF_ERROR(set_features(from.has_features() ? &from.features() : nullptr,
                                 from.has_encoded_features() ? &from.encoded_features() : nullptr,
                                 at + "encoded_features", [&] { return candidate.mutable_features(); }));
    auto& logged = *record.add_candidates();
    if (from.has_click()) {
      if (from.click() != 0 && from.click() != 1) {
        return InvalidField(at + "click", absl::StrCat(from.click(), " is not 0, 1 or null"));
      }
      logged.set_click(from.click() == 1);
    }
    if (from.has_slot()) logged.set_slot(from.slot());
    if (from.has_examination()) logged.set_examination(from.examination());
    if (from.has_propensity()) logged.set_propensity(from.propensity());
    if (from.has_price_micros()) logged.set_price_micros(from.price_micros());
    if (from.has_pctr()) logged.set_pctr(from.pctr());
    if (from.has_ctr()) logged.set_ctr(from.ctr());
    if (from.has_teacher()) logged.set_teacher(from.teacher());
    if (from.has_conversions()) logged.set_conversions(from.conversions());
    if (from.has_conversion_value_micros()) logged.set_conversion_value_micros(from.conversion_value_micros());
    if (from.has_bid_mille_micros()) logged.set_bid_mille_micros(from.bid_mille_micros());
    if (from.has_price_mille_micros()) logged.set_price_mille_micros(from.price_mille_micros());
  }
  return record;
}

AuctionLine ToLine(const LoggedAuction& record) {
  const auto& auction = record.auction();
  AuctionLine line;
  line.set_auction_id(auction.auction_id());
  line.set_event_time(auction.event_time());
  line.set_currency_code(auction.currency_code());
  line.set_cluster_key(auction.cluster_key());
  if (record.has_sampling_rate()) line.set_sampling_rate(record.sampling_rate());
  if (!record.model().empty()) line.set_model(record.model());
  line.set_schema_id(record.schema_id());
  if (record.reserve().has_click_micros()) line.set_reserve_click_micros(record.reserve().click_micros());
  if (record.reserve().has_mille_micros()) line.set_reserve_mille_micros(record.reserve().mille_micros());
  if (auction.context().has_named()) *line.mutable_context() = auction.context().named();
  if (auction.context().has_encoded()) {
    *line.mutable_encoded_context() = auction.context().encoded();
  }
  for (int i = 0; i < auction.candidates_size(); ++i) {
    const auto& candidate = auction.candidates(i);
    CandidateLine& to = *line.add_candidates();
    to.set_ad_id(candidate.ad_id());
    to.set_advertiser_id(candidate.advertiser_id());
    to.set_bid_micros(candidate.bid().micros());
    if (candidate.has_value_micros()) to.set_value_micros(candidate.value_micros());
    if (candidate.features().has_named()) *to.mutable_features() = candidate.features().named();
    if (candidate.features().has_encoded()) {
      *to.mutable_encoded_features() = candidate.features().encoded();
    }
    if (i >= record.candidates_size()) continue;
    const LoggedCandidate& logged = record.candidates(i);
    if (logged.has_click()) to.set_click(logged.click());
    if (logged.has_slot()) to.set_slot(logged.slot());
    if (logged.has_examination()) to.set_examination(logged.examination());
    if (logged.has_propensity()) to.set_propensity(logged.propensity());
    if (logged.has_price_micros()) to.set_price_micros(logged.price_micros());
    if (logged.has_pctr()) to.set_pctr(logged.pctr());
    if (logged.has_ctr()) to.set_ctr(logged.ctr());
    if (logged.has_teacher()) to.set_teacher(logged.teacher());
    if (logged.has_conversions()) to.set_conversions(logged.conversions());
    if (logged.has_conversion_value_micros()) to.set_conversion_value_micros(logged.conversion_value_micros());
    if (logged.has_bid_mille_micros()) to.set_bid_mille_micros(logged.bid_mille_micros());
    if (logged.has_price_mille_micros()) to.set_price_mille_micros(logged.price_mille_micros());
  }
  return line;
}

std::string MakeImpressionToken(std::string_view auction_id, std::string_view ad_id, int slot, int64_t event_time) {
  vickrey::storage::v1::ImpressionToken token;
  token.set_auction_id(std::string(auction_id));
  token.set_ad_id(std::string(ad_id));
  token.set_slot(slot);
  token.set_event_time(event_time);
  return absl::WebSafeBase64Escape(SerializeDeterministically(token));
}

absl::Status ResolveToken(Feedback* feedback) {
  if (!feedback->has_impression_token()) return absl::OkStatus();
  std::string bytes;
  vickrey::storage::v1::ImpressionToken token;
  if (!absl::WebSafeBase64Unescape(feedback->impression_token(), &bytes) || !token.ParseFromString(bytes) ||
      token.auction_id().empty()) {
    return InvalidField("impression_token", "is not a token that an auction answered");
  }
  if (!feedback->ad_id().empty() && feedback->ad_id() != token.ad_id()) {
    return InvalidField("ad_id", absl::StrCat("'", feedback->ad_id(), "' is not the token's, '", token.ad_id(), "'"));
  }
  feedback->set_ad_id(token.ad_id());
  feedback->set_auction_id(token.auction_id());
  return absl::OkStatus();
}

std::string SerializeDeterministically(const google::protobuf::MessageLite& message) {
  std::string bytes(message.ByteSizeLong(), '\0');
  google::protobuf::io::ArrayOutputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&coded);
  return bytes;
}

}  // namespace vickrey::log
