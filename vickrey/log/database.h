// The RocksDB database of a log, opened in one of three ways. Internal to vickrey/log.
//
// A log is a folder: data/ is the database, snapshots/ID/ are frozen copies (data/ and SNAPSHOT.json each), WRITER
// names the process that writes.
#ifndef VICKREY_LOG_DATABASE_H_
#define VICKREY_LOG_DATABASE_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "vickrey/log/options.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {

inline constexpr int kFormat = 1;

// Reads a sorted table of the database, that is a file of records that were written out: DATA_LOSS naming it if any of
// its checksums is wrong or any of its blocks cannot be decompressed.
absl::Status CheckTable(const std::filesystem::path& file);

// The database with its column families. Thread-safe, as RocksDB is.
class Database {
 public:
  enum class Family { kDefault, kAuctions, kIds, kFeedback, kOrphans, kSchemas, kMeta };

  // Opens for writing, making it if `create` allows it. INVALID_ARGUMENT if the folder holds something else.
  // UNAVAILABLE naming the holder if another process writes. DATA_LOSS naming the file if it is damaged;
  // FAILED_PRECONDITION if a later version made it.
  static absl::StatusOr<std::unique_ptr<Database>> OpenForWriting(const std::filesystem::path& log, bool create,
                                                                  const LogOptions& options);
  // Opens as it is now; later writes of another process are not seen. NOT_FOUND if there is no log.
  static absl::StatusOr<std::unique_ptr<Database>> OpenForReading(const std::filesystem::path& log);
  // Opens the database folder itself, for reading.
  static absl::StatusOr<std::unique_ptr<Database>> OpenFolderForReading(const std::filesystem::path& data);
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const { return families_[static_cast<size_t>(family)]; }

  // What became of reading: FromRocksDb, and DATA_LOSS names the damaged file where RocksDB itself does not.
  absl::Status StatusOf(const rocksdb::Status& status) const;

  static std::string_view NameOf(Family family);
  // DATA_LOSS naming family and key if the value does not parse.
  static absl::Status Parse(Family of, std::string_view key, std::string_view bytes,
                            google::protobuf::MessageLite* value);

  // Reads and parses one value; false if there is none. DATA_LOSS if it does not parse. Here and below: as it is now,
  // or was when `at` was taken.
  absl::StatusOr<bool> Get(Family of, std::string_view key, google::protobuf::MessageLite* value,
                           const rocksdb::Snapshot* at = nullptr) const;
  std::unique_ptr<rocksdb::Iterator> Iterate(Family of, const rocksdb::Snapshot* at = nullptr) const;
  // The log's own data; a new log's where there is none yet. FAILED_PRECONDITION for a format of a later version.
  absl::StatusOr<vickrey::storage::v1::LogMeta> ReadMeta(const rocksdb::Snapshot* at = nullptr) const;

 private:
  Database() = default;
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::filesystem::path& data, bool writable,
                                                        const LogOptions& options);

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  // owned by db_, destroyed before it
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_DATABASE_H_
