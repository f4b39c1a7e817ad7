#include "vickrey/base/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/files.h"

namespace vickrey::base {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() : folder_(fs::path(testing::TempDir()) / ("mapped_file_test-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~MappedFileTest() override { fs::remove_all(folder_); }

  fs::path Write(std::string_view bytes) const {
    std::ofstream(folder_ / "f", std::ios::binary) << bytes;
    return folder_ / "f";
  }

  static size_t OpenFiles() {
    size_t open = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++open;
    return open;
  }

  const fs::path folder_;
};

TEST_F(MappedFileTest, HasTheBytesOfTheFile) {
  for (const size_t size : {1, 7, 4095, 4096, 4097, 100'000}) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 31 % 251));
    const auto mapped = MappedFile::Open(Write(bytes), size);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    EXPECT_TRUE((*mapped)->bytes() == bytes) << size;
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*mapped)->bytes().data()) % 4096, 0u);
  }
}

TEST_F(MappedFileTest, AnEmptyFileIsGood) {
  const auto mapped = MappedFile::Open(Write(""), 0);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ((*mapped)->bytes(), "");
  EXPECT_NE((*mapped)->bytes().data(), nullptr);
}

TEST_F(MappedFileTest, KeepsNoDescriptor) {
  const fs::path file = Write("abc");
  const size_t before = OpenFiles();
  const auto mapped = MappedFile::Open(file, 3).value();
  EXPECT_FALSE(MappedFile::Open(file, 2).ok());
  EXPECT_FALSE(MappedFile::Open(folder_, 2).ok());
  EXPECT_EQ(OpenFiles(), before);
}

TEST_F(MappedFileTest, GivesItsMemoryBack) {
  const fs::path file = Write("abc");
  const auto is_mapped = [&] { return ReadFile("/proc/self/maps").value().find(file.string()) != std::string::npos; };
  auto mapped = MappedFile::Open(file, 3).value();
  EXPECT_TRUE(is_mapped());
  mapped.reset();
  EXPECT_FALSE(is_mapped());
}

TEST_F(MappedFileTest, OutlivesItsName) {
  const fs::path file = Write("old");
  const auto mapped = MappedFile::Open(file, 100).value();
  ASSERT_TRUE(WriteFileAtomically(file, "new, and longer").ok());
  EXPECT_EQ(mapped->bytes(), "old");
  EXPECT_EQ(MappedFile::Open(file, 100).value()->bytes(), "new, and longer");
  fs::remove(file);
  EXPECT_EQ(mapped->bytes(), "old");
}

TEST_F(MappedFileTest, ErrorsAreThoseOfReadFile) {
  const auto missing = MappedFile::Open(folder_ / "none", 1).status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_EQ(missing.message(), ReadFile(folder_ / "none").status().message());
  const fs::path file = Write("12345");
  EXPECT_TRUE(absl::IsNotFound(MappedFile::Open(file / "below", 1).status()));
  const auto large = MappedFile::Open(file, 4).status();
  EXPECT_TRUE(absl::IsResourceExhausted(large)) << large;
  EXPECT_EQ(large.message(), ReadFile(file, 4).status().message());
  EXPECT_TRUE(MappedFile::Open(file, 5).ok());
}

TEST_F(MappedFileTest, OnlyRegularFiles) {
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder_ / "link");
  // Nobody writes to the pipe: an open that waits for one would hang here.
  for (const fs::path& file : {folder_, folder_ / "pipe", folder_ / "link", fs::path("/dev/null")}) {
    const auto status = MappedFile::Open(file, 100).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << file << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("not a regular file"));
  }
  Write("abc");
  fs::create_symlink("f", folder_ / "good");
  EXPECT_EQ(MappedFile::Open(folder_ / "good", 100).value()->bytes(), "abc");
}

TEST(MappedFile, WhatWasReleasedCanBeReadAgain) {
  const fs::path file = fs::path(testing::TempDir()) / "mapped_file_test-release";
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i % 251);
  ASSERT_TRUE(WriteFileAtomically(file, bytes).ok());
  const auto mapped = *MappedFile::Open(file, bytes.size());
  for (const auto& [begin, size] : {std::pair(0, 100'000), std::pair(5, 10), std::pair(4095, 4098), std::pair(7, 0)}) {
    mapped->Release(mapped->bytes().substr(begin, size));
    EXPECT_EQ(mapped->bytes(), bytes);
  }
  fs::remove(file);
}

}  // namespace
}  // namespace vickrey::base
