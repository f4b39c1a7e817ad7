#include "vickrey/log/input_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class InputFileTest : public testing::Test {
 protected:
  InputFileTest() : folder_(fs::path(testing::TempDir()) / absl::StrCat("input_file_test-", getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~InputFileTest() override { fs::remove_all(folder_); }

  fs::path Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  // `text` as libarchive packs it.
  std::string Packed(const std::string& text, int filter) const {
    const fs::path file = folder_ / "packed";
    archive* const writer = archive_write_new();
    EXPECT_EQ(archive_write_add_filter(writer, filter), ARCHIVE_OK);
    archive_write_set_format_raw(writer);
    archive_write_open_filename(writer, file.c_str());
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(writer, entry);
    archive_write_data(writer, text.data(), text.size());
    archive_entry_free(entry);
    archive_write_free(writer);
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  struct Result {
    std::string text;
    absl::Status status;
  };
  static Result Read(const fs::path& file) {
    auto input = InputFile::Open(file);
    if (!input.ok()) return {"", input.status()};
    std::string text(std::istreambuf_iterator<char>((*input)->stream()), {});
    return {text, (*input)->status()};
  }

  static std::string Long() {
    std::string text;
    for (int i = 0; i < 200000; ++i) absl::StrAppend(&text, "row ", i * 7919 % 100003, "\n");
    return text;
  }

  const fs::path folder_;
};

TEST_F(InputFileTest, PlainAndPackedAreTheSame) {
  for (const std::string& text : {std::string(), std::string("a"), std::string("begin 644 x\n"), Long()}) {
    EXPECT_EQ(Read(Write("plain", text)).text, text);
    EXPECT_EQ(DigestOfContents(folder_ / "plain").value(), base::Sha256Hex(text));
    for (const int filter : {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD}) {
      const fs::path file = Write("p", Packed(text, filter));
      EXPECT_EQ(Read(file).text, text);
      EXPECT_EQ(DigestOfContents(file).value(), base::Sha256Hex(text));
    }
  }
}

TEST_F(InputFileTest, PackedPartsOneAfterTheOtherAreOneText) {
  for (const int filter : {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD}) {
    EXPECT_EQ(Read(Write("p", Packed("first\n", filter) + Packed("second\n", filter))).text, "first\nsecond\n");
  }
}

TEST_F(InputFileTest, WhatIsCutIsSeen) {
  for (const int filter : {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD}) {
    const std::string packed = Packed(Long(), filter);
    for (const size_t size : {packed.size() - 1, packed.size() / 2, size_t{100}}) {
      const Result result = Read(Write("cut", packed.substr(0, size)));
      EXPECT_TRUE(absl::IsDataLoss(result.status)) << filter << " " << size << " " << result.status;
      EXPECT_THAT(std::string(result.status.message()), HasSubstr((folder_ / "cut").string()));
      EXPECT_FALSE(DigestOfContents(folder_ / "cut").ok());
    }
  }
}

// libarchive does not compare gzip's checksums.
TEST_F(InputFileTest, AChangedByteOfGzipIsSeen) {
  const std::string text = "two\nlines\n", packed = Packed(text, ARCHIVE_FILTER_GZIP);
  for (size_t at = 3; at < packed.size(); ++at) {
    std::string damaged = packed + packed;
    damaged[packed.size() + at] = static_cast<char>(damaged[packed.size() + at] ^ 1);
    const Result result = Read(Write("damaged", damaged));
    EXPECT_TRUE(absl::IsDataLoss(result.status) || result.text == text + text) << at << " " << result.status;
  }
  EXPECT_TRUE(absl::IsDataLoss(Read(Write("behind", packed + "x")).status));
  EXPECT_TRUE(absl::IsDataLoss(Read(Write("start", packed.substr(0, 3))).status));
}

TEST_F(InputFileTest, ItKnowsHowFarItIs) {
  const fs::path file = Write("p", Packed(Long(), ARCHIVE_FILTER_GZIP));
  const auto input = InputFile::Open(file).value();
  EXPECT_EQ(input->size(), static_cast<int64_t>(fs::file_size(file)));
  std::string text(std::istreambuf_iterator<char>(input->stream()), {});
  EXPECT_EQ(input->position(), input->size());
}

TEST_F(InputFileTest, WhatIsNoFileIsNamed) {
  EXPECT_EQ(base::FieldOf(InputFile::Open(folder_).status()), "FILE");
  EXPECT_EQ(base::FieldOf(InputFile::Open(folder_ / "none").status()), "FILE");
  EXPECT_FALSE(DigestOfContents(folder_ / "none").ok());
}

}  // namespace
}  // namespace vickrey::log
