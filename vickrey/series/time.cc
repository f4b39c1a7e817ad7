#include "vickrey/series/time.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vickrey/base/time.h"

namespace vickrey::series {
namespace {

constexpr int64_t kFirstTime = -30610224000000000;  // 1000-01-01T00:00:00Z
constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000;
constexpr std::array<const char*, 7> kFormats = {"%m/%d/%Y",
                                                 "%Y-%m-%d",
                                                 "%Y-%m-%d%ET%H:%M:%E*S%Ez",
                                                 "%Y-%m-%d%ET%H:%M:%E*S",
                                                 "%Y-%m-%d %H:%M:%E*S%Ez",
                                                 "%Y-%m-%d %H:%M:%E*S",
                                                 "%Y-%m-%d %H:%M"};

}  // namespace

absl::StatusOr<int64_t> ParseTime(std::string_view text) {
  const absl::string_view view(text.data(), text.size());
  absl::Time time;
  const bool good = std::any_of(kFormats.begin(), kFormats.end(), [&](const char* format) {
    return absl::ParseTime(format, view, absl::UTCTimeZone(), &time, nullptr);
  });
  if (!good) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", view.substr(0, 100),
                     "' is not a time: give month/day/year (1/31/2001), 2001-01-31 or 2001-01-31T16:00:00Z"));
  }
  const int64_t micros = absl::ToUnixMicros(time);
  if (micros < kFirstTime || micros > base::kLastEventTime) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", view.substr(0, 100), "' is not between the years 1000 and 9999; a year is given by its four digits"));
  }
  return micros;
}

std::string FormatTime(int64_t micros) {
  if (micros % kDay != 0) return base::FormatEventTime(micros);
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixMicros(micros), absl::UTCTimeZone());
}

}  // namespace vickrey::series
