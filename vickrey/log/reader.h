#ifndef VICKREY_LOG_READER_H_
#define VICKREY_LOG_READER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/database.h"
#include "vickrey/log/flat_batch.h"
#include "vickrey/log/flat_decoder.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/feedback.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {

struct LogStats {
  int64_t auctions = 0;
  int64_t candidates = 0;
  int64_t clicks = 0;
  int64_t labelled = 0;             // candidates of which it is known whether they were clicked
  std::optional<int64_t> from, to;  // least and greatest event time, microseconds
  int64_t feedback = 0;             // reports on disk, orphans among them
  int64_t orphans = 0;
  int64_t conversions = 0;
  int64_t conversion_value_micros = 0;
  int64_t bytes = 0;  // of the database's files
};

// Reads a log in order of time, joined with its feedback:
//   1. Open, on a snapshot or on the log as it is now;
//   2. Scan, any number of times; Next until it says that there are no more.
//
// Immutable, so thread-safe; scans are not, and the reader must outlive them.
class LogReader {
 public:
  struct ScanOptions {
    int64_t from = 0;                                  // event time, inclusive
    int64_t to = std::numeric_limits<int64_t>::max();  // exclusive
    std::string cursor;                                // where an earlier scan of the same snapshot stopped
    // A shown candidate without a click is a no-click once it is older than `label_window` at `as_of`; before, it is
    // unlabelled. A click makes it a click however late it comes, and however early by its clock; one in the record
    // itself (imported logs) always counts. Conversions are added up; none is never a label.
    absl::Duration label_window = absl::Hours(1);
    // Later reports are left out. Microseconds. Default: when the snapshot was first made; now.
    std::optional<int64_t> as_of;
    bool join = true;  // false: records as they were appended, without feedback and derived labels
    // false: clicks that were reported of an auction younger than `label_window` are left out, so that all of it is
    // unlabelled. Whoever learns from labels, or counts them, wants that: of young auctions only the clicks would
    // count.
    bool young_clicks = true;
  };

  // One pass over the auctions and their feedback.
  class Scan {
   public:
    // The next auction, false at the end. DATA_LOSS if a record does not parse.
    absl::StatusOr<bool> Next(vickrey::v1::LoggedAuction* record);
    // Where to go on behind the last auction.
    std::string cursor() const;
    // The latest event time of which no-clicks are known: label_window before `as_of`.
    int64_t mature_until() const { return mature_until_; }

   private:
    friend class LogReader;
    absl::Status Join(rocksdb::Slice key, vickrey::v1::LoggedAuction* record);

    std::string snapshot_id_;
    int64_t to_ = 0;
    int64_t as_of_ = 0;
    bool join_ = true;
    bool young_clicks_ = true;
    int64_t mature_until_ = 0;  // event times up to here have their no-clicks
    std::string last_key_;
    std::shared_ptr<const Database> database_;
    std::unique_ptr<rocksdb::Iterator> auctions_, feedback_;
  };

  // The same pass, into flat arrays of a schema: several times as fast.
  class FlatScan {
   public:
    // Clears the batch and fills it with the next auctions, at most `auctions` of them; false if there were none left.
    // DATA_LOSS if a record does not parse; INVALID_ARGUMENT naming the auction and the field where features do not fit
    // the schema.
    absl::StatusOr<bool> Next(int64_t auctions, FlatBatch* batch);

   private:
    friend class LogReader;
    FlatScan(std::unique_ptr<Scan> scan, std::shared_ptr<const features::Schema> schema);
    absl::Status Join(rocksdb::Slice key, FlatBatch* batch);

    const std::unique_ptr<Scan> scan_;
    FlatDecoder decoder_;
    std::string prefix_;  // scratch
    vickrey::storage::v1::StoredFeedback report_;
  };

  // `snapshot_id` empty: the log as it is now, which later writes do not change. NOT_FOUND if there is no such log or
  // snapshot.
  static absl::StatusOr<std::unique_ptr<LogReader>> Open(const std::filesystem::path& log,
                                                         const std::string& snapshot_id);

  // The log that this process writes, as it is now. `data` is the folder of its database.
  static std::unique_ptr<LogReader> OfWriter(std::filesystem::path data, std::shared_ptr<const Database> database);

  // INVALID_ARGUMENT for a cursor that is not one, or of another snapshot.
  absl::StatusOr<std::unique_ptr<Scan>> NewScan(const ScanOptions& options) const;
  absl::StatusOr<std::unique_ptr<FlatScan>> NewFlatScan(const ScanOptions& options,
                                                        std::shared_ptr<const features::Schema> schema) const;

  // Calls `f` on every report, joined ones in the order of their auctions, then the orphans. Stops at its first error.
  absl::Status ForEachFeedback(const std::function<absl::Status(const vickrey::v1::Feedback&)>& f) const;

  // Counts by a scan with the default options. `check` is called now and then; its error ends the work.
  absl::StatusOr<LogStats> Stats(const std::function<absl::Status()>& check = {}) const;

 private:
  LogReader(std::string snapshot_id, int64_t opened_time, std::filesystem::path data,
            std::shared_ptr<const Database> database, std::shared_ptr<const rocksdb::Snapshot> at = nullptr);

  const std::string snapshot_id_;
  const int64_t as_of_;
  const std::filesystem::path data_;
  const std::shared_ptr<const Database> database_;
  const std::shared_ptr<const rocksdb::Snapshot> at_;  // of a database that is written meanwhile; else null
};

vickrey::v1::LogStatsLine ToLine(const LogStats& stats);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_READER_H_
