#ifndef CLIENT_LOAD_GENERATOR_H_
#define CLIENT_LOAD_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/load/latency_histogram.h"

namespace vickrey::client {

// A request as it is sent: made before the clock starts, so that sending it costs little.
struct PreparedRequest {
  // Where an id stands, kIdDigits digits, which each call replaces by its own number; npos: every call is the same.
  static constexpr size_t kIdDigits = 12;

  std::string bytes;
  size_t id_at = std::string::npos;
};

struct LoadOptions {
  std::string address;              // HOST:PORT
  Security security;                // how it is spoken to
  std::string method;               // "/package.Service/Method", unary
  std::vector<int> version_path;    // where an answer names the version that gave it (answer.h)
  int connections = 1;              // each of its own; calls are spread over them in turn
  std::optional<double> rate;       // an open loop, calls a second. Default: a closed loop
  bool poisson = false;             // gaps of the open loop are drawn instead of equal
  uint64_t seed = 1;                // of the gaps
  int64_t max_outstanding = 10000;  // of the open loop: calls that are due while so many are under way are not sent
  int concurrency = 1;              // of the closed loop: calls under way at a time
  absl::Duration warm_up;           // at first, not counted; an open loop's rate grows in it
  absl::Duration duration = absl::InfiniteDuration();           // how long calls are sent and counted
  int64_t calls = std::numeric_limits<int64_t>::max();          // how many are sent and counted, at most
  absl::Duration deadline = absl::Seconds(10);                  // of each call, from when it is sent
  std::function<bool()> stop = [] { return false; };            // asked all the time: whether to end early
  std::function<void(int64_t done)> progress = [](int64_t) {};  // told all the time: counted calls that have ended
};

// What came of it; see LoadLine (lines.proto) for what counts.
struct LoadResult {
  int64_t sent = 0, ok = 0, unsent = 0, uncounted = 0;
  std::map<absl::StatusCode, int64_t> errors;
  std::map<std::string, int64_t, std::less<>> versions;
  LatencyHistogram latency;                    // of the calls that were answered
  double request_bytes = 0, answer_bytes = 0;  // in all
  double seconds = 0, cpu_seconds = 0;
  double max_lag_seconds = 0;
  bool interrupted = false;
};

// Calls a server by a schedule (open loop) or so many at a time (closed loop), and waits until all calls have ended.
// One call is made before, whose error is returned: UNAVAILABLE where there is no server. Errors later on are counted.
// REQUIRES: at least one request; a duration or a number of calls.
absl::StatusOr<LoadResult> GenerateLoad(const LoadOptions& options, const std::vector<PreparedRequest>& requests);

}  // namespace vickrey::client

#endif  // CLIENT_LOAD_GENERATOR_H_
