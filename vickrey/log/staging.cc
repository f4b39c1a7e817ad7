#include "vickrey/log/staging.h"

#include <optional>
#include <utility>

#include "rocksdb/write_batch.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record.h"
#include "vickrey/log/rocksdb_status.h"

namespace vickrey::log {
namespace {

rocksdb::Slice SliceOf(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Staging::Staging(const Database* database)
    : database_(*database), batch_(rocksdb::BytewiseComparator(), /*reserved_bytes=*/0, /*overwrite_key=*/true) {
  const auto orphans = database_.Iterate(Database::Family::kOrphans);
  orphans->SeekToFirst();
  may_have_orphans_ = orphans->Valid() || !orphans->status().ok();
}

void Staging::Begin(const vickrey::storage::v1::LogMeta& meta) {
  batch_.Clear();
  meta_ = meta;
}

absl::StatusOr<bool> Staging::Get(Database::Family of, std::string_view key, google::protobuf::MessageLite* value) {
  std::string bytes;
  if (of == Database::Family::kAuctions) {
    ASSIGN_OR_RETURN(const bool on_disk, database_.Get(of, key, value));
    if (on_disk) return true;
    ASSIGN_OR_RETURN(const auto staged, FindStaged(of, key));
    if (!staged.has_value()) return false;
    bytes = *staged;
  } else {
    const rocksdb::Status status =
        batch_.GetFromBatchAndDB(&database_.db(), {}, database_.family(of), SliceOf(key), &bytes);
    if (status.IsNotFound()) return false;
    RETURN_IF_ERROR(database_.StatusOf(status));
  }
  RETURN_IF_ERROR(Database::Parse(of, key, bytes, value));
  return true;
}

absl::StatusOr<std::optional<std::string>> Staging::FindStaged(Database::Family of, std::string_view key) {
  class Finder final : public rocksdb::WriteBatch::Handler {
   public:
    Finder(uint32_t family, rocksdb::Slice wanted) : family_(family), wanted_(wanted) {}
    rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& at, const rocksdb::Slice& value) override {
      if (family == family_ && at == wanted_) found = value.ToString();
      return rocksdb::Status::OK();
    }
    rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& at) override {
      if (family == family_ && at == wanted_) found.reset();
      return rocksdb::Status::OK();
    }
    std::optional<std::string> found;

   private:
    const uint32_t family_;
    const rocksdb::Slice wanted_;
  };
  Finder finder(database_.family(of)->GetID(), SliceOf(key));
  RETURN_IF_ERROR(FromRocksDb(batch_.GetWriteBatch()->Iterate(&finder)));
  return std::move(finder.found);
}

std::unique_ptr<rocksdb::Iterator> Staging::Iterate(Database::Family of) {
  return std::unique_ptr<rocksdb::Iterator>(
      batch_.NewIteratorWithBase(database_.family(of), database_.Iterate(of).release()));
}

absl::Status Staging::Put(Database::Family to, std::string_view key, std::string_view value) {
  may_have_orphans_ = may_have_orphans_ || to == Database::Family::kOrphans;
  rocksdb::ColumnFamilyHandle* const family = database_.family(to);
  return FromRocksDb(to == Database::Family::kAuctions
                         ? batch_.GetWriteBatch()->Put(family, SliceOf(key), SliceOf(value))
                         : batch_.Put(family, SliceOf(key), SliceOf(value)));
}

absl::Status Staging::Delete(Database::Family from, std::string_view key) {
  rocksdb::ColumnFamilyHandle* const family = database_.family(from);
  return FromRocksDb(from == Database::Family::kAuctions ? batch_.GetWriteBatch()->Delete(family, SliceOf(key))
                                                         : batch_.Delete(family, SliceOf(key)));
}

void Staging::Mark() {
  batch_.SetSavePoint();
  marked_ = meta_;
}

void Staging::TakeBack() {
  batch_.RollbackToSavePoint().PermitUncheckedError();
  meta_ = marked_;
}

absl::Status Staging::Write() {
  rocksdb::WriteBatch& batch = *batch_.GetWriteBatch();
  RETURN_IF_ERROR(
      FromRocksDb(batch.Put(database_.family(Database::Family::kMeta), kMetaKey, SerializeDeterministically(meta_))));
  rocksdb::WriteOptions options;
  options.sync = true;
  return FromRocksDb(database_.db().Write(options, &batch));
}

}  // namespace vickrey::log
