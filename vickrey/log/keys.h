// The keys of the log's column families. Integers are big-endian, so that bytes sort as numbers do; texts are ids,
// which hold no zero byte, so that a zero ends them.
//
//   auctions:  event_time:8 auction_id
//   ids:       auction_id
//   feedback:  event_time:8 auction_id 0 ad_id 0 kind:1 feedback_id
//   orphans:   auction_id 0 ad_id 0 kind:1 feedback_id
//   meta:      "log"
//
// The event time of feedback is its auction's: one pass over both families joins them.
#ifndef VICKREY_LOG_KEYS_H_
#define VICKREY_LOG_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vickrey/v1/feedback.pb.h"

namespace vickrey::log {

inline constexpr char kMetaKey[] = "log";

// REQUIRES: event_time >= 0.
std::string TimeKey(int64_t event_time);
std::string AuctionKey(int64_t event_time, std::string_view auction_id);
// What all feedback of an auction starts with.
std::string FeedbackPrefix(int64_t event_time, std::string_view auction_id);
std::string OrphanPrefix(std::string_view auction_id);
// What follows either prefix.
std::string FeedbackSuffix(std::string_view ad_id, vickrey::v1::Feedback::Kind kind, std::string_view feedback_id);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_KEYS_H_
