#ifndef VICKREY_LOG_STAGING_H_
#define VICKREY_LOG_STAGING_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/utilities/write_batch_with_index.h"
#include "vickrey/log/database.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {

// What is to be written to a log in one batch: reads see what was staged before them, so that several callers' changes
// go to disk together as if one after the other. Internal to vickrey/log.
//
//   1. Begin, for each batch;
//   2. stage changes;
//   3. Write.
//
// Not thread-safe; the database must outlive it.
class Staging {
 public:
  explicit Staging(const Database* database);

  // Nothing is staged, and `meta` is the log's own data so far. Memory is kept from batch to batch.
  void Begin(const vickrey::storage::v1::LogMeta& meta);

  // The log's own data; goes with the batch, where that holds anything.
  vickrey::storage::v1::LogMeta& meta() { return meta_; }

  // As Database::Get.
  absl::StatusOr<bool> Get(Database::Family of, std::string_view key, google::protobuf::MessageLite* value);
  // Valid until the next change. Of auctions those on disk only.
  std::unique_ptr<rocksdb::Iterator> Iterate(Database::Family of);
  // As Database::StatusOf.
  absl::Status StatusOf(const rocksdb::Status& status) const { return database_.StatusOf(status); }

  absl::Status Put(Database::Family to, std::string_view key, std::string_view value);
  absl::Status Delete(Database::Family from, std::string_view key);

  // False where no report waits for its auction, for sure: looking for them costs as much as the rest of an append.
  bool may_have_orphans() const { return may_have_orphans_; }

  // Remembers the state, and takes back what was staged since.
  void Mark();
  void TakeBack();

  // Writes all of it and syncs. REQUIRES: not empty. On failure nothing is to be taken as written, though it may be.
  absl::Status Write();
  bool empty() { return batch_.GetWriteBatch()->Count() == 0; }
  size_t bytes() { return batch_.GetWriteBatch()->GetDataSize(); }

 private:
  // The last value that was staged under a key; none if there is none, or it was deleted.
  absl::StatusOr<std::optional<std::string>> FindStaged(Database::Family of, std::string_view key);

  const Database& database_;
  // Auctions are put into the batch below the index: they are large, an id says whether one is there, and one is looked
  // up only for a report that comes in the very batch of its auction.
  rocksdb::WriteBatchWithIndex batch_;
  vickrey::storage::v1::LogMeta meta_, marked_;
  bool may_have_orphans_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_STAGING_H_
