#ifndef TOOLS_LABEL_WINDOW_H_
#define TOOLS_LABEL_WINDOW_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vickrey/base/status.h"

namespace vickrey::tools {

// What the flag --label-window says: how long clicks may take. INVALID_ARGUMENT naming the flag.
inline absl::StatusOr<absl::Duration> ParseLabelWindow(const std::string& text) {
  absl::Duration window;
  if (absl::ParseDuration(text, &window) && window >= absl::ZeroDuration() && window <= absl::Hours(24 * 366 * 100)) {
    return window;
  }
  return base::InvalidField("--label-window", absl::StrCat("'", absl::CHexEscape(text.substr(0, 60)),
                                                           "' is not a duration such as 30m, 1h or 0"));
}

}  // namespace vickrey::tools

#endif  // TOOLS_LABEL_WINDOW_H_
