#ifndef SERVER_LOG_WRITER_H_
#define SERVER_LOG_WRITER_H_

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "vickrey/log/impression_log.h"

namespace vickrey::server {

// Is told of every batch that was written, on the writer's thread, after its sync and before its callers are answered.
class LogObserver {
 public:
  virtual ~LogObserver() = default;
  // `records` and `results` correspond.
  virtual void OnAuctions(std::span<const vickrey::v1::LoggedAuction> records,
                          std::span<const absl::StatusOr<vickrey::v1::AppendAuctionResult>> results,
                          absl::Duration took) = 0;
  virtual void OnFeedback(std::span<const vickrey::v1::Feedback> records,
                          std::span<const absl::StatusOr<vickrey::v1::AppendFeedbackResult>> results,
                          absl::Duration took) = 0;
};

// Appends to the log on a thread of its own, so that no call's thread waits for a disk: what has arrived while a batch
// was synced goes with the next one.
//
// Thread-safe. Callbacks come on the writer's thread, in the order of the appends, and must not block.
class LogWriter {
 public:
  using AuctionDone = std::function<void(absl::StatusOr<vickrey::v1::AppendAuctionResult>)>;
  using FeedbackDone = std::function<void(absl::StatusOr<vickrey::v1::AppendFeedbackResult>)>;

  // `observer` may be null; it must outlive this.
  explicit LogWriter(std::unique_ptr<log::ImpressionLog> log, LogObserver* observer = nullptr);
  // Writes what is queued, then ends.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // For reading, and for snapshots; what is appended goes through here.
  log::ImpressionLog& log() { return *log_; }

  // Queues one record; `done` gets its answer once it is on disk, or why it was not stored. INVALID_ARGUMENT naming the
  // field if it is not valid, RESOURCE_EXHAUSTED if too many are waiting; `done` is not called then. An auction is
  // brought into the form in which it is stored here, on the caller's thread: that is most of the work, and there is
  // one writer for all.
  absl::Status AppendAuction(vickrey::v1::LoggedAuction record, AuctionDone done);
  absl::Status AppendFeedback(vickrey::v1::Feedback report, FeedbackDone done);

  // What waits to be written.
  struct Queued {
    size_t records = 0, bytes = 0;
  };
  Queued queued() const;

 private:
  struct AuctionJob {
    log::ImpressionLog::Prepared stored;
    vickrey::v1::LoggedAuction seen;  // by the observer
    AuctionDone done;
  };
  struct FeedbackJob {
    vickrey::v1::Feedback report;
    FeedbackDone done;
  };
  using Job = std::variant<AuctionJob, FeedbackJob>;

  // `bytes`: of the record.
  absl::Status Push(Job job, size_t bytes);
  void Run();
  // Runs of jobs of one kind go to the log as one batch.
  void Write(std::deque<Job> jobs);

  const std::unique_ptr<log::ImpressionLog> log_;
  LogObserver* const observer_;
  mutable absl::Mutex mu_;
  std::deque<Job> queue_ ABSL_GUARDED_BY(mu_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace vickrey::server

#endif  // SERVER_LOG_WRITER_H_
