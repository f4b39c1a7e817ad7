#ifndef VICKREY_LOG_IPINYOU_ROW_H_
#define VICKREY_LOG_IPINYOU_ROW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::log {

// A row of the iPinYou impression log (season 2 and 3; the sets of one advertiser, as make-ipinyou-data cuts them): an
// impression that was won. Tab-separated, no header, 27 columns, click, weekday, hour, ..., usertag, or 29 with the
// numbers of clicks and of conversions behind them. Prices are in fen (0.01 CNY) for a thousand impressions, times are
// Beijing's; null, Na and nothing are missing.
//
// Errors of values are INVALID_ARGUMENT about the column's name, with its number, from 1, and the value.
//
// Not thread-safe; what it shows is valid as long as the line that was split.
class IpinyouRow {
 public:
  static constexpr size_t kColumns = 27, kTestColumns = 29;
  static constexpr int64_t kMaxFen = 1'000'000'000;
  static constexpr int64_t kUtcOffsetSeconds = 8 * 3600;  // of Beijing
  enum Column : size_t {
    kClick = 0,
    kTimestamp = 4,
    kUser = 6,
    kExchange = 11,
    kDomain = 12,
    kSlot = 15,
    kWidth = 16,
    kHeight = 17,
    kVisibility = 18,
    kFormat = 19,
    kFloor = 20,
    kCreative = 21,
    kBid = 22,
    kPaid = 23,
    kAdvertiser = 25,
    kConversions = 28,
  };
  // Of every column, as iPinYou calls them: slotprice is the floor, bidprice the bid, payprice what was paid.
  static const std::array<std::string_view, kTestColumns>& Names();
  static bool IsMissing(std::string_view value) { return value.empty() || value == "null" || value == "Na"; }

  // Takes the place of the row before; INVALID_ARGUMENT for another number of columns.
  absl::Status Split(std::string_view line);

  size_t columns() const { return values_.size(); }
  std::string_view operator[](size_t column) const { return values_[column]; }

  // A whole number from 0 to `max`.
  absl::StatusOr<int64_t> Whole(size_t column, int64_t max) const;
  // `timestamp`, yyyyMMddHHmmssSSS, since 1970 in UTC.
  absl::StatusOr<int64_t> TimeMicros() const;
  // "slotprice: column 21: 'x' is not WHAT".
  absl::Status Fault(size_t column, std::string_view what) const;

 private:
  std::vector<std::string_view> values_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IPINYOU_ROW_H_
