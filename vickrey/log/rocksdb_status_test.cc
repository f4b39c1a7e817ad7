#include "vickrey/log/rocksdb_status.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::log {
namespace {

using ::testing::HasSubstr;

TEST(RocksDbStatus, CodesTellTheCallerWhatToDo) {
  EXPECT_TRUE(FromRocksDb(rocksdb::Status::OK()).ok());
  EXPECT_TRUE(absl::IsNotFound(FromRocksDb(rocksdb::Status::NotFound())));
  EXPECT_TRUE(absl::IsDataLoss(FromRocksDb(rocksdb::Status::Corruption("block checksum mismatch"))));
  EXPECT_TRUE(absl::IsUnavailable(FromRocksDb(rocksdb::Status::IOError("lock /tmp/LOCK"))));
  EXPECT_TRUE(absl::IsResourceExhausted(FromRocksDb(rocksdb::Status::NoSpace("write"))));
  EXPECT_TRUE(absl::IsInternal(FromRocksDb(rocksdb::Status::CompactionTooLarge())));
}

TEST(RocksDbStatus, TheMessageNamesTheFile) {
  EXPECT_THAT(std::string(FromRocksDb(rocksdb::Status::IOError("a.sst", "short read")).message()), HasSubstr("a.sst"));
}

}  // namespace
}  // namespace vickrey::log
