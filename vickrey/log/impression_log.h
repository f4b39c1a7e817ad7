#ifndef VICKREY_LOG_IMPRESSION_LOG_H_
#define VICKREY_LOG_IMPRESSION_LOG_H_

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "vickrey/log/database.h"
#include "vickrey/storage/v1/log.pb.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/feedback.pb.h"
#include "vickrey/v1/log_results.pb.h"

namespace vickrey::log {

// The writer of an impression log: what was auctioned and what was clicked. What it answers for is on disk, and
// survives kill -9 and the loss of power. One process writes at a time; any number read (log/reader.h).
//
// Thread-safe.
class ImpressionLog {
 public:
  // Opens the log in folder `path`, making it if need be and `create` allows it. UNAVAILABLE naming the holder if
  // another process writes; INVALID_ARGUMENT if the folder holds something else; NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<ImpressionLog>> Open(const std::filesystem::path& path, bool create = true);

  // Stores auctions and answers each, in order, after one sync of all: STORED, DUPLICATE (the same record is there
  // already) or CONFLICT (another record with this id is there, and stays). Feedback that came before its auction is
  // joined to it. INVALID_ARGUMENT naming "records[i]" and the field if any of them is not valid; nothing is stored
  // then.
  absl::StatusOr<std::vector<vickrey::v1::AppendAuctionResult>> AppendAuctions(
      std::span<const vickrey::v1::LoggedAuction> records);

  // Stores reports and answers each, in order, after one sync of all: STORED, DUPLICATE, or ORPHAN where the auction is
  // not known yet. INVALID_ARGUMENT naming "records[i]" and the field if any is not valid or names an ad that was not
  // in its auction; nothing is stored then.
  absl::StatusOr<std::vector<vickrey::v1::AppendFeedbackResult>> AppendFeedback(
      std::span<const vickrey::v1::Feedback> reports);

  // Notes that a file is imported, and with which options. INVALID_ARGUMENT if it was before, with others: its auctions
  // would be cut and priced in two ways.
  absl::Status BeginImport(const std::string& file_digest, const std::string& options);

  // Freezes what is stored now. A snapshot of the same contents that exists already is returned as it is.
  absl::StatusOr<vickrey::storage::v1::SnapshotManifest> CreateSnapshot();

 private:
  ImpressionLog(std::filesystem::path path, std::unique_ptr<Database> database, vickrey::storage::v1::LogMeta meta);

  absl::Status Commit(rocksdb::WriteBatch* batch, const vickrey::storage::v1::LogMeta& meta)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status AdoptOrphans(const vickrey::v1::Auction& auction, rocksdb::WriteBatch* batch) const;

  const std::filesystem::path path_;
  const std::unique_ptr<Database> database_;  // thread-safe

  absl::Mutex mu_;  // held while a batch is made and written, so that two batches do not miss each other's ids
  vickrey::storage::v1::LogMeta meta_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPRESSION_LOG_H_
