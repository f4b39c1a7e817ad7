#include "vickrey/base/random_access_file.h"

#include <array>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/files.h"

namespace vickrey::base {
namespace {

TEST(RandomAccessFile, ReadsAnyPart) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "random_access_file_test";
  ASSERT_TRUE(WriteFileAtomically(file, "0123456789").ok());
  const auto opened = RandomAccessFile::Open(file);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->size(), 10);
  std::array<char, 4> part = {};
  ASSERT_TRUE((*opened)->ReadAt(5, std::span(part)).ok());
  EXPECT_EQ(std::string(part.data(), part.size()), "5678");
  ASSERT_TRUE((*opened)->ReadAt(100, std::span(part).first(0)).ok());
  const absl::Status past = (*opened)->ReadAt(7, std::span(part));
  EXPECT_TRUE(absl::IsDataLoss(past)) << past;
  EXPECT_THAT(std::string(past.message()), testing::HasSubstr("ends at byte 10"));
}

TEST(RandomAccessFile, ThatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(RandomAccessFile::Open("/nowhere/at/all").status()));
}

}  // namespace
}  // namespace vickrey::base
