#include "vickrey/base/time.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace vickrey::base {
absl::StatusOr<int64_t> ParseEventTime(std::string_view text) {
  const absl::string_view view(text.data(), text.size());
  int64_t micros = 0;
  absl::Time time;
  if (absl::SimpleAtoi(view, &micros)) {
  } else if (absl::ParseTime(absl::RFC3339_full, view, &time, nullptr) ||
             absl::ParseTime("%Y-%m-%d", view, absl::UTCTimeZone(), &time, nullptr)) {
    micros = absl::ToUnixMicros(time);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", view, "' is not a time: give microseconds since 1970, or 2024-01-31T12:00:00Z, or 2024-01-31"));
  }
  if (micros < 0 || micros > kLastEventTime) {
    return absl::InvalidArgumentError(absl::StrCat("'", view, "' is not between the years 1970 and 9999"));
  }
  return micros;
}

std::string FormatEventTime(int64_t micros) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", absl::FromUnixMicros(micros), absl::UTCTimeZone());
}

}  // namespace vickrey::base
