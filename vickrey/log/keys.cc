#include "vickrey/log/keys.h"

namespace vickrey::log {

std::string TimeKey(int64_t event_time) {
  std::string key(8, '\0');
  auto rest = static_cast<uint64_t>(event_time);
  for (int i = 7; i >= 0; --i, rest >>= 8) key[i] = static_cast<char>(rest & 0xff);
  return key;
}

std::string AuctionKey(int64_t event_time, std::string_view auction_id) {
  return TimeKey(event_time).append(auction_id);
}

std::string FeedbackPrefix(int64_t event_time, std::string_view auction_id) {
  return AuctionKey(event_time, auction_id).append(1, '\0');
}

std::string OrphanPrefix(std::string_view auction_id) { return std::string(auction_id).append(1, '\0'); }

std::string FeedbackSuffix(std::string_view ad_id, vickrey::v1::Feedback::Kind kind, std::string_view feedback_id) {
  return std::string(ad_id).append(1, '\0').append(1, static_cast<char>(kind)).append(feedback_id);
}

std::string_view FeedbackIdOf(std::string_view suffix) {
  const size_t end = suffix.find('\0');
  return end == std::string_view::npos || end + 2 > suffix.size() ? std::string_view() : suffix.substr(end + 2);
}

int64_t TimeOfKey(std::string_view key) {
  uint64_t time = 0;
  for (int i = 0; i < 8; ++i) time = time << 8 | static_cast<uint8_t>(key[i]);
  return static_cast<int64_t>(time);
}

}  // namespace vickrey::log
