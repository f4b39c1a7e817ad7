#ifndef SERVER_TELEMETRY_LOG_METRICS_H_
#define SERVER_TELEMETRY_LOG_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "server/log_writer.h"
#include "server/telemetry/calibration.h"
#include "server/telemetry/series.h"

namespace vickrey::server {

// Counts what goes into the log, and hands it to `calibration`. Thread-safe.
class LogMetrics final : public LogObserver {
 public:
  // `calibration` must outlive it.
  explicit LogMetrics(Calibration* calibration) : calibration_(*calibration) {}

  void OnAuctions(std::span<const vickrey::v1::LoggedAuction> records,
                  std::span<const absl::StatusOr<vickrey::v1::AppendAuctionResult>> results,
                  absl::Duration took) override;
  void OnFeedback(std::span<const vickrey::v1::Feedback> records,
                  std::span<const absl::StatusOr<vickrey::v1::AppendFeedbackResult>> results,
                  absl::Duration took) override;

  // `queued`: what waits now.
  void Collect(const LogWriter::Queued& queued, std::vector<prometheus::MetricFamily>* families) const;

 private:
  enum Outcome { kStored, kDuplicate, kConflict, kOrphan, kRefused, kOutcomes };
  struct Kind {
    std::array<std::atomic<uint64_t>, kOutcomes> records = {};
    std::atomic<uint64_t> bytes = 0;
  };

  static void Count(Outcome outcome, size_t bytes, Kind* kind);

  Calibration& calibration_;
  Kind auctions_, feedback_;
  DurationHistogram took_;
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_LOG_METRICS_H_
