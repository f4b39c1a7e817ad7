// Moments of a series: microseconds since 1970-01-01 UTC as everywhere, but before 1970 too, for prices are old.
#ifndef VICKREY_SERIES_TIME_H_
#define VICKREY_SERIES_TIME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::series {

// Microseconds from text: month/day/year ("1/31/2001"), ISO 8601's date ("2001-01-31") or date and time
// ("2001-01-31T16:00:00Z", "2001-01-31 16:00:00.5+01:00"; without an offset UTC). A date alone is its midnight UTC.
// INVALID_ARGUMENT for anything else, days that no month has, and years before 1000 or past 9999: a year has four
// digits, for two could be any century's.
absl::StatusOr<int64_t> ParseTime(std::string_view text);

// ISO 8601: "2001-01-31" at midnight UTC, "2001-01-31T16:00:00.5Z" elsewhen.
std::string FormatTime(int64_t micros);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_TIME_H_
