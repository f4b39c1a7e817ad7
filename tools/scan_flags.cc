#include "tools/scan_flags.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vickrey/base/status.h"
#include "vickrey/base/time.h"
#include "vickrey/log/record.h"

namespace vickrey::tools {
namespace {

constexpr absl::Duration kLongestWindow = absl::Hours(24 * 366 * 100);

// The time of a flag, `otherwise` where it is not given.
template <typename T>
absl::StatusOr<T> TimeOf(const std::string& flag, const std::string& text, T otherwise) {
  if (text.empty()) return otherwise;
  const auto time = base::ParseEventTime(text);
  if (!time.ok()) return base::InvalidField(flag, {time.status().message().data(), time.status().message().size()});
  RETURN_IF_ERROR(log::CheckTimeUnit(flag, *time));
  return T(*time);
}

}  // namespace

void ScanFlags::Declare(CLI::App& app) {
  app.add_option("--from", from, "Event time, inclusive: microseconds since 1970, or 2024-01-31T12:00:00Z");
  app.add_option("--to", to, "Event time, exclusive");
  app.add_option("--label-window", label_window,
                 "A shown candidate without a click is a no-click when it is older than this; unlabelled before");
  app.add_option(
      "--as-of", as_of,
      "What was known at this time: later reports are left out; default: when the snapshot was first made, or now");
}

absl::StatusOr<log::LogReader::ScanOptions> ScanFlags::Options() const {
  log::LogReader::ScanOptions options;
  ASSIGN_OR_RETURN(options.from, TimeOf("--from", from, options.from));
  ASSIGN_OR_RETURN(options.to, TimeOf("--to", to, options.to));
  ASSIGN_OR_RETURN(options.as_of, TimeOf("--as-of", as_of, options.as_of));
  if (options.from > options.to) {
    return base::InvalidField("--to", absl::StrCat("'", to, "' is not behind --from, '", from, "'"));
  }
  if (!absl::ParseDuration(label_window, &options.label_window) || options.label_window < absl::ZeroDuration() ||
      options.label_window > kLongestWindow) {
    return base::InvalidField("--label-window", absl::StrCat("'", absl::CHexEscape(label_window.substr(0, 60)),
                                                             "' is not a duration such as 30m, 1h or 0"));
  }
  return options;
}

}  // namespace vickrey::tools
