// Event times: microseconds since 1970-01-01 UTC, everywhere in the project.
#ifndef VICKREY_BASE_TIME_H_
#define VICKREY_BASE_TIME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::base {

inline constexpr int64_t kLastEventTime = 253402300799999999;  // 9999-12-31T23:59:59.999999Z

// Microseconds from text: a whole number of them, or a date and time of RFC 3339 ("2024-01-31T12:00:00Z",
// "2024-01-31T12:00:00.5+01:00"), or a date alone (midnight UTC). Times before 1970 or past the year 9999 are refused.
absl::StatusOr<int64_t> ParseEventTime(std::string_view text);

// RFC 3339 in UTC, with as many decimals as needed: "2024-01-31T12:00:00.25Z".
std::string FormatEventTime(int64_t micros);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_TIME_H_
