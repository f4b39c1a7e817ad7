// `vickrey load`: puts a server under load and measures its answers.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/connect.h"
#include "client/load/generator.h"
#include "tools/load_requests.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/loopback.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/tool.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using client::LoadOptions;
using client::LoadResult;
using vickrey::v1::LoadLine;

constexpr double kLongestSeconds = 1e6;

struct Flags {
  RequestFlags requests;
  std::string address;
  bool own_server = false;
  std::optional<double> rate, duration, max_p99;
  std::optional<int> concurrency;
  std::optional<int64_t> calls, max_errors;
  bool poisson = false, json = false;
  double warm_up = 0, deadline_ms = 10'000;
  int connections = 1;
  int64_t max_outstanding = 10'000;
  std::string histogram;
};

absl::StatusOr<LoadOptions> OptionsOf(const Flags& flags) {
  RETURN_IF_ERROR(client::CheckAddress(flags.address));
  if (!base::IsLoopback(flags.address.substr(0, flags.address.rfind(':'))) && !flags.own_server) {
    return base::InvalidField("--address", absl::StrCat("'", flags.address,
                                                        "' may be another machine, and a load can bring a server "
                                                        "down; --yes-i-own-this-server allows it"));
  }
  if (flags.rate.has_value() == flags.concurrency.has_value()) {
    return base::InvalidField("--rate", "or --concurrency is required, and not both: an open or a closed loop");
  }
  if (flags.poisson && !flags.rate.has_value()) return base::InvalidField("--poisson", "goes with --rate only");
  if (!flags.duration.has_value() && !flags.calls.has_value()) {
    return base::InvalidField("--duration", "or --calls is required: when it ends");
  }
  LoadOptions options;
  options.address = flags.address;
  ASSIGN_OR_RETURN(options.security, client::SecurityOfEnvironment());
  SetMethod(flags.requests, &options);
  options.connections = flags.connections;
  options.rate = flags.rate;
  options.poisson = flags.poisson;
  options.seed = flags.requests.seed;
  options.max_outstanding = flags.max_outstanding;
  options.concurrency = flags.concurrency.value_or(options.concurrency);
  options.warm_up = absl::Seconds(flags.warm_up);
  if (flags.duration.has_value()) options.duration = absl::Seconds(*flags.duration);
  options.calls = flags.calls.value_or(options.calls);
  options.deadline = absl::Milliseconds(flags.deadline_ms);
  options.stop = [] { return !base::CheckInterrupt().ok(); };
  return options;
}

// What is to be expected of it, where that is known.
std::optional<int64_t> ExpectedCalls(const Flags& flags) {
  std::optional<int64_t> calls = flags.calls;
  if (flags.rate.has_value() && flags.duration.has_value()) {
    const auto by_time = static_cast<int64_t>(*flags.rate * *flags.duration);
    calls = std::min(by_time, calls.value_or(by_time));
  }
  return calls;
}

LoadLine LineOf(const Flags& flags, const LoadResult& result) {
  LoadLine line;
  line.set_address(flags.address);
  line.set_method(flags.requests.method);
  line.set_model(flags.requests.model);
  line.set_sent(result.sent);
  line.set_ok(result.ok);
  for (const auto& [code, count] : result.errors) (*line.mutable_errors())[absl::StatusCodeToString(code)] = count;
  line.set_unsent(result.unsent);
  line.set_uncounted(result.uncounted);
  if (flags.rate.has_value()) line.set_rate_asked(*flags.rate);
  if (result.seconds > 0) line.set_rate_reached(static_cast<double>(result.ok) / result.seconds);
  if (flags.concurrency.has_value()) line.set_concurrency(*flags.concurrency);
  line.set_connections(flags.connections);
  line.set_seconds(result.seconds);
  if (result.sent > 0) line.set_request_bytes(result.request_bytes / static_cast<double>(result.sent));
  if (flags.rate.has_value()) line.set_max_lag_ms(1e3 * result.max_lag_seconds);
  line.set_cpu_seconds(result.cpu_seconds);
  line.mutable_versions()->insert(result.versions.begin(), result.versions.end());
  line.set_interrupted(result.interrupted);
  if (result.ok == 0) return line;
  const auto at = [&](double quantile) { return 1e-6 * static_cast<double>(result.latency.At(quantile)); };
  line.set_answer_bytes(result.answer_bytes / static_cast<double>(result.ok));
  line.set_p50_ms(at(.5));
  line.set_p90_ms(at(.9));
  line.set_p99_ms(at(.99));
  line.set_p99_9_ms(at(.999));
  line.set_p99_99_ms(at(.9999));
  line.set_max_ms(at(1));
  line.set_mean_ms(1e-6 * result.latency.mean());
  return line;
}

// Whether it was as good as it had to be.
absl::Status CheckAgainst(const Flags& flags, const LoadLine& line) {
  absl::Status status;
  if (flags.max_p99.has_value() && (line.ok() == 0 || line.p99_ms() > *flags.max_p99)) {
    base::Note(line.ok() == 0 ? "no call was answered, so --max-p99 is not met"
                              : absl::StrCat("p99 was ", line.p99_ms(), " ms, more than --max-p99 ", *flags.max_p99));
    status = base::CheckFailed();
  }
  const int64_t errors = line.sent() - line.ok() + line.unsent();
  if (flags.max_errors.has_value() && errors > *flags.max_errors) {
    base::Note(absl::StrCat(errors, " calls failed or were not sent, more than --max-errors ", *flags.max_errors));
    status = base::CheckFailed();
  }
  return status;
}

absl::Status Run(const Flags& flags) {
  base::NoteInterrupts();
  ASSIGN_OR_RETURN(LoadOptions options, OptionsOf(flags));
  ASSIGN_OR_RETURN(const auto requests, PrepareRequests(flags.requests));
  base::Progress progress("load", "calls", ExpectedCalls(flags));
  options.progress = [&](int64_t done) { progress.Update(done); };
  ASSIGN_OR_RETURN(const LoadResult result, client::GenerateLoad(options, requests));
  if (!result.interrupted) progress.Finish();
  const LoadLine line = LineOf(flags, result);
  base::WriteSummary(line, flags.json);
  if (!flags.histogram.empty()) {
    RETURN_IF_ERROR(base::WriteFileAtomically(flags.histogram, result.latency.Distribution()));
  }
  RETURN_IF_ERROR(result.interrupted ? base::CheckInterrupt() : absl::OkStatus());
  return CheckAgainst(flags, line);
}

}  // namespace
}  // namespace vickrey::tools

int main(int argc, char** argv) {
  vickrey::base::Tool tool("vickrey-load", "Puts a server under load and measures its answers");
  vickrey::tools::Flags flags;
  CLI::App& app = tool.SetAction(
      "vickrey load --address 127.0.0.1:50051 --model ctr --market two_segments --rate 200 --poisson --duration 10",
      [&] { return vickrey::tools::Run(flags); });
  const auto seconds = CLI::Range(0.0, vickrey::tools::kLongestSeconds);
  app.add_option("--address", flags.address, "The server's HOST:PORT")->required();
  app.add_flag("--yes-i-own-this-server", flags.own_server, "Allow an address that is not this machine's loopback");
  flags.requests.Declare(app);
  app.add_option("--rate", flags.rate, "Open loop: calls a second, whether or not answers come")
      ->check(CLI::Range(1e-3, 1e7));
  app.add_flag("--poisson", flags.poisson, "With --rate: gaps drawn by the seed instead of equal ones");
  app.add_option("--max-outstanding", flags.max_outstanding,
                 "With --rate: what is due while so many calls are under way is counted as unsent")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--concurrency", flags.concurrency, "Closed loop: calls under way at a time")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--connections", flags.connections, "Connections that calls are spread over")
      ->check(CLI::Range(1, 1000));
  app.add_option("--warm-up", flags.warm_up, "Seconds at first that are not counted; --rate grows in them from 0")
      ->check(seconds);
  app.add_option("--duration", flags.duration, "Seconds behind the warm-up for which calls are sent")->check(seconds);
  app.add_option("--calls", flags.calls, "Calls behind the warm-up, at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--deadline", flags.deadline_ms, "Milliseconds that a call may take")->check(CLI::Range(1.0, 1e6));
  app.add_option("--max-p99", flags.max_p99, "Exit with 1 where the p99 is more milliseconds than this");
  app.add_option("--max-errors", flags.max_errors, "Exit with 1 where more calls fail or are not sent");
  app.add_option("--histogram", flags.histogram,
                 "Write the percentiles to this file, as HdrHistogram's tools do (.hgrm)");
  app.add_flag("--json", flags.json, "A line of JSON on a terminal too");
  return tool.Run(argc, argv);
}
