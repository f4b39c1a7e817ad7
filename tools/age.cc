#include "tools/age.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "vickrey/base/time.h"

namespace vickrey::tools {

void Age::Declare(CLI::App& app, const std::string& what) {
  CLI::Option* before =
      app.add_option("--before", before_, what + " before this: microseconds since 1970, or 2024-01-31T12:00:00Z");
  app.add_option("--older-than", older_than_, what + " longer ago than this: 90d, 36h, 15m")->excludes(before);
}

absl::StatusOr<int64_t> Age::Before() const {
  if (!before_.empty()) {
    const auto time = base::ParseEventTime(before_);
    if (time.ok()) return *time;
    return base::InvalidField("--before", {time.status().message().data(), time.status().message().size()});
  }
  if (older_than_.empty()) return base::InvalidField("--before", "or --older-than is required");
  absl::Duration age;
  int64_t days = 0;
  const bool in_days =
      older_than_.ends_with("d") && absl::SimpleAtoi(older_than_.substr(0, older_than_.size() - 1), &days);
  if (in_days) age = absl::Hours(24) * days;
  if ((!in_days && !absl::ParseDuration(older_than_, &age)) || age < absl::ZeroDuration() ||
      age > absl::Hours(24 * 366 * 50)) {
    return base::InvalidField(
        "--older-than", absl::StrCat("'", older_than_, "' is not a duration such as 90d, 36h or 15m, up to 50 years"));
  }
  return absl::ToUnixMicros(absl::Now() - age);
}

}  // namespace vickrey::tools
