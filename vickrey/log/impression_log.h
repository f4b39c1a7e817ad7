#ifndef VICKREY_LOG_IMPRESSION_LOG_H_
#define VICKREY_LOG_IMPRESSION_LOG_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/log/committer.h"
#include "vickrey/log/database.h"
#include "vickrey/log/options.h"
#include "vickrey/storage/v1/log.pb.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/feedback.pb.h"
#include "vickrey/v1/log_results.pb.h"

namespace vickrey::log {

class LogReader;

// The writer of an impression log: what was auctioned and what was clicked. What it answers for is on disk, and
// survives kill -9 and the loss of power. One process writes at a time; any number read (log/reader.h).
//
// Where a disk is full an append is RESOURCE_EXHAUSTED and nothing of it is acknowledged; reading goes on, and so does
// appending once there is space again.
//
// Thread-safe: what several threads append while a batch is synced goes to disk in one batch and one sync.
class ImpressionLog {
 public:
  // Opens the log in folder `path`, making it if need be and `create` allows it. UNAVAILABLE naming the holder if
  // another process writes; INVALID_ARGUMENT if the folder holds something else; NOT_FOUND; DATA_LOSS naming a file
  // that is damaged; FAILED_PRECONDITION if a later version made it.
  static absl::StatusOr<std::unique_ptr<ImpressionLog>> Open(const std::filesystem::path& path, bool create = true,
                                                             const LogOptions& options = {});

  // A record in the form in which it is stored. Making it is most of the work of an append: whoever appends much makes
  // it on another thread.
  struct Prepared {
    std::string auction_id, currency_code;
    int64_t event_time = 0;
    std::string bytes;   // a StoredAuction
    std::string digest;  // SHA-256 of it
  };
  // INVALID_ARGUMENT naming the field if the record is not valid.
  static absl::StatusOr<Prepared> Prepare(const vickrey::v1::LoggedAuction& record);

  // Stores auctions and answers each, in order, after one sync of all: STORED, DUPLICATE (the same record is there
  // already) or CONFLICT (another record with this id is there, and stays). Feedback that came before its auction is
  // joined to it. INVALID_ARGUMENT naming "records[i]" and the field if any of them is not valid; nothing is stored
  // then.
  absl::StatusOr<std::vector<vickrey::v1::AppendAuctionResult>> AppendAuctions(
      std::span<const vickrey::v1::LoggedAuction> records);

  // The same of records that were prepared. REQUIRES: as Prepare made them.
  absl::StatusOr<std::vector<vickrey::v1::AppendAuctionResult>> AppendPrepared(std::span<const Prepared> records);

  // Stores reports and answers each, in order, after one sync of all: STORED; ORPHAN where the auction is not known
  // yet; DUPLICATE where the same report is there already; CONFLICT where another one with this id on this auction is,
  // and stays. A report may be of a time before its auction's (clocks differ) or long after it. INVALID_ARGUMENT naming
  // "records[i]" and the field if any is not valid or names an ad that was not in its auction; nothing is stored then.
  absl::StatusOr<std::vector<vickrey::v1::AppendFeedbackResult>> AppendFeedback(
      std::span<const vickrey::v1::Feedback> reports);

  // Notes that a file is imported, and with which options. INVALID_ARGUMENT if it was before, with others: its auctions
  // would be cut and priced in two ways.
  absl::Status BeginImport(const std::string& file_digest, const std::string& options);

  // Freezes what is stored now. A snapshot of the same contents that exists already is returned as it is.
  // Appends wait while what is in memory is written out. `check` is called now and then; its error ends the work.
  absl::StatusOr<vickrey::storage::v1::SnapshotManifest> CreateSnapshot(
      const std::function<absl::Status()>& check = {});

  // Reads what is stored now, whatever is appended meanwhile. It may outlive the log, which then stays open.
  std::unique_ptr<LogReader> NewReader() const;
  const std::filesystem::path& path() const { return path_; }

  // What a prune deleted.
  struct Pruned {
    int64_t auctions = 0;
    int64_t feedback = 0;  // on those auctions
    int64_t orphans = 0;
  };
  // Deletes the auctions whose event time is before `before` (microseconds), their ids and their feedback, and the
  // orphans whose own event time is. Snapshots keep what they hold. Synced in steps, each of whole auctions: an error,
  // and an interrupt (CANCELLED), leaves a shorter prune. A pruned auction that is appended again is stored again.
  absl::StatusOr<Pruned> Prune(int64_t before);

 private:
  ImpressionLog(std::filesystem::path path, std::unique_ptr<Database> database, vickrey::storage::v1::LogMeta meta);

  const std::filesystem::path path_;
  const std::shared_ptr<Database> database_;
  Committer committer_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPRESSION_LOG_H_
