#ifndef SERVER_TELEMETRY_OPTIONS_H_
#define SERVER_TELEMETRY_OPTIONS_H_

#include "absl/time/time.h"

namespace vickrey::server {

enum class LogFormat { kText, kJson };
enum class LogLevel { kInfo, kWarning, kError, kOff };

// What a server says on stderr (call_log.h).
struct CallLogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kOff;         // lines below it are left out
  bool all_calls = false;                  // a line for every call, and not only where something is to be said
  bool shadows = false;                    // a line for every auction that a shadow predicted
  absl::Duration slow = absl::Seconds(1);  // a call that takes longer gets a line; streams don't: they last
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_OPTIONS_H_
