// What reads the log for callers, apart from what serves auctions.
#ifndef SERVER_LOG_READS_H_
#define SERVER_LOG_READS_H_

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/log_writer.h"
#include "server/worker.h"
#include "vickrey/log/reader.h"

namespace vickrey::server {

// The threads on which the log is read, so that no call's thread waits for a disk and reading takes few processors from
// auctions; and how many may read at a time, as each pins files and memory of the log.
//
// Thread-safe.
class LogReads {
 public:
  static constexpr int kPlaces = 16;

  // A place for one reader, given back with its last copy. RESOURCE_EXHAUSTED where all are taken.
  using Place = std::shared_ptr<std::atomic<int>>;
  absl::StatusOr<Place> Take() {
    if (taken_.fetch_add(1) >= kPlaces) {
      taken_.fetch_sub(1);
      return absl::ResourceExhaustedError(
          absl::StrCat("the log is being read by ", kPlaces, " callers, as many as this server takes; try again later"));
    }
    return Place(&taken_, [](std::atomic<int>* taken) { taken->fetch_sub(1); });
  }

  // For short work: the next record of a stream, say.
  Worker& steps() { return steps_; }
  // For reading all of it, one after the other.
  Worker& counts() { return counts_; }
  // For making and deleting snapshots, one after the other.
  Worker& snapshots() { return snapshots_; }

 private:
  std::atomic<int> taken_ = 0;
  Worker steps_{2}, counts_, snapshots_;
};

// What every call about the log needs: FAILED_PRECONDITION where the server has none.
inline absl::Status CheckLog(const LogWriter* log) {
  return log != nullptr ? absl::OkStatus() : absl::FailedPreconditionError("this server was started without a log");
}

// A snapshot, or, where `snapshot_id` is empty, the log as it is now. NOT_FOUND naming the field.
absl::StatusOr<std::unique_ptr<log::LogReader>> OpenReader(const log::ImpressionLog& log,
                                                           const std::string& snapshot_id);

}  // namespace vickrey::server

#endif  // SERVER_LOG_READS_H_
