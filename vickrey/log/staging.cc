#include "vickrey/log/staging.h"

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
  const rocksdb::Status status =
      batch_.GetFromBatchAndDB(&database_.db(), {}, database_.family(of), SliceOf(key), &bytes);
  if (status.IsNotFound()) return false;
  RETURN_IF_ERROR(FromRocksDb(status));
  RETURN_IF_ERROR(Database::Parse(of, key, bytes, value));
  return true;
}

std::unique_ptr<rocksdb::Iterator> Staging::Iterate(Database::Family of) {
  return std::unique_ptr<rocksdb::Iterator>(
      batch_.NewIteratorWithBase(database_.family(of), database_.Iterate(of).release()));
}

absl::Status Staging::Put(Database::Family to, std::string_view key, std::string_view value) {
  may_have_orphans_ = may_have_orphans_ || to == Database::Family::kOrphans;
  return FromRocksDb(batch_.Put(database_.family(to), SliceOf(key), SliceOf(value)));
}

absl::Status Staging::Delete(Database::Family from, std::string_view key) {
  return FromRocksDb(batch_.Delete(database_.family(from), SliceOf(key)));
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
