#include "server/telemetry/log_metrics.h"

namespace vickrey::server {

using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;

void LogMetrics::Count(Outcome outcome, size_t bytes, Kind* kind) {
  kind->records[outcome].fetch_add(1, std::memory_order_relaxed);
  if (outcome == kStored || outcome == kOrphan) kind->bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void LogMetrics::OnAuctions(std::span<const vickrey::v1::LoggedAuction> records,
                            std::span<const absl::StatusOr<AppendAuctionResult>> results, absl::Duration took) {
  took_.Observe(took);
  for (size_t i = 0; i < results.size(); ++i) {
    Outcome outcome = kRefused;
    if (results[i].ok()) {
      const auto status = results[i]->status();
      outcome = status == AppendAuctionResult::STORED      ? kStored
                : status == AppendAuctionResult::DUPLICATE ? kDuplicate
                                                           : kConflict;
    }
    Count(outcome, records[i].ByteSizeLong(), &auctions_);
    if (outcome == kStored) calibration_.OnAuction(records[i]);
  }
}

void LogMetrics::OnFeedback(std::span<const Feedback> records,
                            std::span<const absl::StatusOr<AppendFeedbackResult>> results, absl::Duration took) {
  took_.Observe(took);
  for (size_t i = 0; i < results.size(); ++i) {
    Outcome outcome = kRefused;
    if (results[i].ok()) {
      const auto status = results[i]->status();
      outcome = status == AppendFeedbackResult::STORED      ? kStored
                : status == AppendFeedbackResult::DUPLICATE ? kDuplicate
                : status == AppendFeedbackResult::ORPHAN    ? kOrphan
                                                            : kConflict;
    }
    Count(outcome, records[i].ByteSizeLong(), &feedback_);
    const bool on_disk = outcome == kStored || outcome == kOrphan;
    if (on_disk && records[i].kind() == Feedback::CLICK) calibration_.OnClick(records[i], outcome == kOrphan);
  }
}

void LogMetrics::Collect(const LogWriter::Queued& queued, std::vector<prometheus::MetricFamily>* families) const {
  constexpr const char* kNames[] = {"stored", "duplicate", "conflict", "orphan", "refused"};
  Family records = CounterFamily("vickrey_log_records_total",
                                 "Records that the log answered for, by what became of them. An orphan is stored: its "
                                 "auction is not there yet. Refused: not valid, or the disk failed.");
  Family bytes = CounterFamily("vickrey_log_bytes_total", "Bytes of the records that were stored, as messages.");
  for (const auto& [kind, counts] : {std::pair("auction", &auctions_), std::pair("feedback", &feedback_)}) {
    for (int outcome = 0; outcome < kOutcomes; ++outcome) {
      if (outcome == kOrphan && counts == &auctions_) continue;
      records.Add({{"kind", kind}, {"status", kNames[outcome]}}, static_cast<double>(counts->records[outcome].load()));
    }
    bytes.Add({{"kind", kind}}, static_cast<double>(counts->bytes.load()));
  }
  records.MoveTo(families);
  bytes.MoveTo(families);
  HistogramFamily("vickrey_log_sync_duration_seconds", "How long a batch of records took until it was on disk.")
      .Add({}, took_.Read())
      .MoveTo(families);
  GaugeFamily("vickrey_log_queue_records", "Records that wait to be written.")
      .Add({}, static_cast<double>(queued.records))
      .MoveTo(families);
  GaugeFamily("vickrey_log_queue_bytes", "Bytes of the records that wait to be written.")
      .Add({}, static_cast<double>(queued.bytes))
      .MoveTo(families);
}

}  // namespace vickrey::server
