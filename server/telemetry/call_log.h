#ifndef SERVER_TELEMETRY_CALL_LOG_H_
#define SERVER_TELEMETRY_CALL_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "server/gate.h"
#include "server/shadow.h"
#include "server/telemetry/options.h"

namespace vickrey::server {

// What a server says, one line each: calls that failed or were slow, calls that change the server and who made them,
// its start and its end; and every call, and what shadows predicted, where that is asked for.
//
//   text  2026-01-02T03:04:05.678901Z WARNING call method=A.B code=NOT_FOUND request_id=r1 ... message="..."
//   JSON  {"time":"...","level":"WARNING","event":"call","method":"A.B","code":"NOT_FOUND","request_id":"r1",
//          "caller":"","model":"","about":"","took_seconds":0.001,"message":"..."}
//
// ERROR: the server's fault (INTERNAL, UNKNOWN, DATA_LOSS, UNIMPLEMENTED). WARNING: other failures, and slow calls.
// What a caller wrote cannot begin a line of its own.
//
// Thread-safe. A thread of its own writes: no call waits for who reads the lines. Where that one is slow, the oldest of
// 8192 lines that wait are dropped, and counted.
class CallLog {
 public:
  // `write` is given lines with their newline, one at a time, on the thread of this; default: to stderr.
  explicit CallLog(const CallLogOptions& options, std::function<void(std::string_view)> write = nullptr);
  // Writes what waits.
  ~CallLog();
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;

  void OnCallEnd(const CallReport& report);
  // What a shadow predicted, where that is asked for.
  void OnShadow(const ShadowReport& report);
  // `event`: one word, "start".
  void OnEvent(LogLevel level, std::string_view event, std::string_view message);

  uint64_t dropped() const;

 private:
  struct Writer;  // keeps spdlog out of the header

  const CallLogOptions options_;
  const std::unique_ptr<Writer> writer_;
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_CALL_LOG_H_
