#ifndef SERVER_TELEMETRY_TELEMETRY_H_
#define SERVER_TELEMETRY_TELEMETRY_H_

#include <atomic>
#include <memory>
#include <string>

#include "server/gate.h"
#include "server/log_writer.h"
#include "server/registry.h"
#include "server/telemetry/call_log.h"
#include "server/telemetry/call_metrics.h"
#include "server/telemetry/log_metrics.h"
#include "server/telemetry/options.h"

namespace vickrey::server {

// What a server tells about itself: the numbers of calls, models and log, and the lines of the call log. It is given to
// the parts of the server as their observer:
//   1. construct it before them, and let it live longer;
//   2. Exposition gives the numbers as text (http_server.h hands them out);
//   3. its destruction writes the last lines.
//
// Thread-safe.
class Telemetry final : public CallObserver, public ModelObserver, public ShadowObserver {
 public:
  explicit Telemetry(const CallLogOptions& options) : call_log_(options) {}

  void OnCallBegin(const Method& method) override { calls_.OnCallBegin(method); }
  void OnCallEnd(const CallReport& report) override {
    calls_.OnCallEnd(report);
    call_log_.OnCallEnd(report);
  }
  void OnLoad(const std::string& ref, const absl::Status& status, absl::Duration took) override;

  void OnShadow(const ShadowReport& report) override { call_log_.OnShadow(report); }

  LogObserver* log_observer() { return &log_; }
  CallLog& call_log() { return call_log_; }

  // All numbers in Prometheus' text format. `log`: null where there is none. `ready`: whether calls should come.
  // Models that `registry` does not hold any more are forgotten.
  std::string Exposition(const Registry& registry, const LogWriter* log, bool ready);

 private:
  void AddModel(const std::string& ref);

  CallLog call_log_;
  CallMetrics calls_;
  Calibration calibration_;
  LogMetrics log_{&calibration_};
  DurationHistogram loads_;
  std::atomic<uint64_t> failed_loads_ = 0;
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_TELEMETRY_H_
