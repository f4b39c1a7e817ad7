// What a log accepts, and its form as a line of JSON.
#ifndef VICKREY_LOG_RECORD_H_
#define VICKREY_LOG_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/feedback.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {

// The most that a bid, a value or a price of one click may be.
inline constexpr int64_t kMaxMicros = 1'000'000'000'000'000;

// INVALID_ARGUMENT about `field` for a time in microseconds since 1970 that is one of the years 2000 to 2100 when it is
// read as seconds, or as milliseconds: nobody means a time of the first weeks of 1970.
absl::Status CheckTimeUnit(const std::string& field, int64_t micros);

// INVALID_ARGUMENT naming the first field that a log does not accept (ids, times, amounts, probabilities, lengths).
absl::Status Validate(const vickrey::v1::LoggedAuction& record);
absl::Status Validate(const vickrey::v1::Feedback& feedback);

// Whether one of the candidates is this ad.
bool HasAd(const vickrey::v1::Auction& auction, std::string_view ad_id);

// There and back, without loss. FromLine refuses what the flat form alone can get wrong (both forms of features at
// once, a click that is not 0 or 1); the rest is Validate's.
absl::StatusOr<vickrey::v1::LoggedAuction> FromLine(const vickrey::v1::AuctionLine& line);
vickrey::v1::AuctionLine ToLine(const vickrey::v1::LoggedAuction& record);

// The opaque text for click URLs that stands for one impression, and what it stands for. INVALID_ARGUMENT for a text
// that is not one.
std::string MakeImpressionToken(std::string_view auction_id, std::string_view ad_id, int slot, int64_t event_time);
// Puts the token's auction and ad in the place of the token; feedback without a token is left as it is.
absl::Status ResolveToken(vickrey::v1::Feedback* feedback);

// Equal messages give equal bytes, maps sorted: what digests are taken of.
std::string SerializeDeterministically(const google::protobuf::MessageLite& message);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_RECORD_H_
