// The keys of the log's column families, as a grammar. Integers are big-endian, so that bytes sort as numbers do; an id
// holds no zero byte, so that one ends it, and an id sorts before those that begin with it.
//
//   auctions  = event_time auction_id             -> StoredAuction
//   ids       = auction_id                        -> StoredId
//   feedback  = event_time auction_id NUL report  -> StoredFeedback     ; the event time of the auction
//   orphans   = auction_id NUL report             -> StoredFeedback
//   schemas   = (not used yet)
//   meta      = "log"                             -> LogMeta
//             | "import " file_digest             -> StoredImport
//
//   report      = ad_id NUL kind feedback_id
//   event_time  = 8 bytes, microseconds since 1970, unsigned
//   kind        = 1 byte, of Feedback.Kind
//   auction_id, ad_id, feedback_id = 1 to 128 bytes of [A-Za-z0-9._:-]
//   file_digest = 64 hexadecimal digits
//
// One pass over `auctions` and one over `feedback` join them: both are in the order of (event time, auction id).
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
// What follows either prefix: `report` of the grammar, and the feedback id in it (empty if it is no such).
std::string FeedbackSuffix(std::string_view ad_id, vickrey::v1::Feedback::Kind kind, std::string_view feedback_id);
std::string_view FeedbackIdOf(std::string_view suffix);

// The event time of a key that starts with one. REQUIRES: 8 bytes or more.
int64_t TimeOfKey(std::string_view key);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_KEYS_H_
