#include "vickrey/log/record_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "vickrey/base/random.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Files as RocksDB itself writes them.
class RecordFileTest : public testing::Test {
 protected:
  RecordFileTest() : folder_(fs::path(testing::TempDir()) / absl::StrCat("record_file_test-", getpid())) {
    fs::remove_all(folder_);
  }
  ~RecordFileTest() override { fs::remove_all(folder_); }

  // The bytes of the write-ahead log after values of the given sizes were put.
  std::string LogOf(const std::vector<size_t>& sizes) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    EXPECT_TRUE(rocksdb::DB::Open(options, folder_.string(), &db).ok());
    for (size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_TRUE(db->Put({}, absl::StrCat("key", i), std::string(sizes[i], static_cast<char>('a' + i % 26))).ok());
    }
    EXPECT_TRUE(db->SyncWAL().ok());
    std::string bytes;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() != ".log") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    delete db;
    return bytes;
  }

  absl::Status Check(const std::string& bytes) const {
    const fs::path file = folder_ / "checked";
    std::ofstream(file, std::ios::binary) << bytes;
    return CheckRecordFile(file);
  }

  const fs::path folder_;
};

TEST_F(RecordFileTest, WhatRocksDbWritesIsGood) {
  EXPECT_TRUE(Check(LogOf({1, 100, 70000, 5, 40000, 32768 - 7 - 30, 9})).ok());
  EXPECT_TRUE(Check("").ok());
  EXPECT_TRUE(absl::IsNotFound(CheckRecordFile(folder_ / "none")));
}

TEST_F(RecordFileTest, AFileThatIsCutIsGood) {
  const std::string bytes = LogOf({1, 100, 40000, 5});
  for (size_t size = 0; size < bytes.size(); size += size < 200 ? 1 : 97) {
    EXPECT_TRUE(Check(bytes.substr(0, size)).ok()) << size;
  }
}

// Every bit of the headers, and of what is near them, matters, in the last block too, where RocksDB forgives a length.
TEST_F(RecordFileTest, AFlippedBitIsDamage) {
  const std::string bytes = LogOf({10, 20, 30});
  ASSERT_LT(bytes.size(), 400u);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      const absl::Status status = Check(damaged);
      EXPECT_TRUE(absl::IsDataLoss(status)) << at << " " << bit;
      EXPECT_THAT(std::string(status.message()), HasSubstr((folder_ / "checked").string()));
    }
  }
}

TEST_F(RecordFileTest, AFlippedBitIsDamageInLargeFilesToo) {
  const std::string bytes = LogOf({50000, 10, 70000, 300, 20});
  base::RandomStream random(1, base::StreamId("record_file_test"), 0);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = bytes;
    const size_t at = random.Below(bytes.size());
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << random.Below(8));
    EXPECT_TRUE(absl::IsDataLoss(Check(damaged))) << at;
  }
}

TEST_F(RecordFileTest, APartThatIsMissingIsDamage) {
  const std::string bytes = LogOf({100000});  // four blocks
  EXPECT_TRUE(absl::IsDataLoss(Check(bytes.substr(0, 32768) + bytes.substr(2 * 32768))) ||
              !Check(bytes.substr(32768)).ok());
  EXPECT_TRUE(absl::IsDataLoss(Check(bytes.substr(32768))));
}

TEST_F(RecordFileTest, NoBytesCrashIt) {
  base::RandomStream random(2, base::StreamId("record_file_test"), 0);
  for (int i = 0; i < 300; ++i) {
    std::string bytes(random.Below(70000), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Below(8) == 0 ? random.Below(256) : random.Below(5));
    fs::create_directories(folder_);
    const absl::Status status = Check(bytes);
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
  }
}

}  // namespace
}  // namespace vickrey::log
