// What it costs to observe one call: its begin and its end.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/telemetry/telemetry.h"

namespace vickrey::server {
namespace {

const Method kMethod = {.name = "AuctionService.RunAuction", .role = Role::kPredict};

std::unique_ptr<Telemetry> Make(const CallLogOptions& options) {
  auto telemetry = std::make_unique<Telemetry>(options);
  for (int i = 0; i < 20; ++i) telemetry->OnLoad(absl::StrCat("ctr@", i), absl::OkStatus(), absl::Seconds(1));
  return telemetry;
}

void Observe(benchmark::State& state, Telemetry* telemetry, const char* model) {
  const absl::Status status;
  for (auto _ : state) {
    telemetry->OnCallBegin(kMethod);
    telemetry->OnCallEnd({.method = kMethod,
                          .request_id = "0123456789abcdef",
                          .caller = "",
                          .model = model,
                          .about = "",
                          .candidates = 32,
                          .status = status,
                          .took = absl::Microseconds(300)});
  }
}

void BM_ObserveCall(benchmark::State& state) {
  static Telemetry* const telemetry = Make({.level = LogLevel::kInfo}).release();
  Observe(state, telemetry, "ctr@7");
}
BENCHMARK(BM_ObserveCall)->ThreadRange(1, 4)->UseRealTime();

void BM_ObserveCallWithoutModel(benchmark::State& state) {
  static Telemetry* const telemetry = Make({.level = LogLevel::kInfo}).release();
  Observe(state, telemetry, "");
}
BENCHMARK(BM_ObserveCallWithoutModel);

// With a line for every call, to nowhere: as fast as this the oldest lines are dropped.
void BM_LogCall(benchmark::State& state) {
  CallLog log({.format = LogFormat::kJson, .level = LogLevel::kInfo, .all_calls = true}, [](std::string_view) {});
  const absl::Status status;
  for (auto _ : state) {
    log.OnCallEnd({.method = kMethod,
                   .request_id = "0123456789abcdef",
                   .caller = "",
                   .model = "ctr@7",
                   .about = "",
                   .candidates = 32,
                   .status = status,
                   .took = absl::Microseconds(300)});
  }
}
BENCHMARK(BM_LogCall);

}  // namespace
}  // namespace vickrey::server
