// Damaged files, one bit at a time, and logs that a later version made.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/files.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/log/contents_testing.h"
#include "vickrey/log/database.h"
#include "vickrey/log/faulty_env_testing.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/log/verify.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;
using Family = Database::Family;

std::string BytesOf(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A log of several files of each kind, closed: SSTs of several families, a write-ahead log of many records and of more
// than one block, a MANIFEST of many edits.
void Fill(const fs::path& log, rocksdb::Env* env) {
  const auto writer = ImpressionLog::Open(log, true, {.write_buffer_bytes = size_t{64} << 10, .env = env}).value();
  int64_t n = 0;
  const auto append = [&](int64_t end) {
    for (; n < end; ++n) {
      const LoggedAuction auction = AuctionOf(n);
      const Feedback report = ReportOf(n), orphan = ReportOf(n + 100'000);
      ASSERT_TRUE(writer->AppendFeedback({&report, n % 2 == 0 ? 1u : 0u}).ok());
      ASSERT_TRUE(writer->AppendAuctions({&auction, 1}).ok());
      ASSERT_TRUE(writer->AppendFeedback({&orphan, n % 5 == 0 ? 1u : 0u}).ok());
    }
  };
  append(200);
  ASSERT_TRUE(writer->CreateSnapshot().ok());
  append(300);
  ASSERT_TRUE(writer->CreateSnapshot().ok());
  append(360);
}

class LogDamageTest : public testing::Test {
 protected:
  LogDamageTest()
      : folder_("log_damage_test"),
        log_(folder_.path() / "log"),
        copy_(folder_.path() / "copy"),
        env_(folder_.path() / "saved") {
    Fill(log_, env_.env());
  }

  // The files of the database of one kind, such as ".sst".
  std::vector<std::string> Files(const std::string& kind) const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(log_ / "data")) {
      const std::string name = entry.path().filename();
      if (name.ends_with(kind) || name.starts_with(kind)) files.push_back(name);
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  // Copies the log but for one file, of which it writes other bytes. RocksDB writes no file twice: links will do.
  void CopyBut(const std::string& name, const std::string& bytes) const {
    fs::remove_all(copy_);
    fs::create_directories(copy_ / "data");
    for (const auto& entry : fs::directory_iterator(log_ / "data")) {
      const std::string other = entry.path().filename();
      if (other != name && other != "LOCK") fs::create_hard_link(entry, copy_ / "data" / other);
    }
    std::ofstream(copy_ / "data" / name, std::ios::binary) << bytes;
  }

  // What comes of one damaged file: everyone who reads it is told, by its name, or it makes no difference to anyone.
  // True if they are told.
  bool Check(const std::string& name, const Contents& expected) const {
    const std::string path = copy_ / "data" / name;
    const auto judge = [&](const absl::Status& status, const char* who) {
      EXPECT_TRUE(absl::IsDataLoss(status)) << who << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path)) << who;
      return true;
    };
    bool told = false;
    const auto read = ContentsOf(copy_);
    if (!read.ok()) {
      told = judge(read.status(), "reader");
    } else {
      EXPECT_TRUE(*read == expected) << "other contents";
    }
    const std::string problems = ProblemsOf(copy_);
    if (const auto writer = ImpressionLog::Open(copy_, false, {.env = env_.env()}); !writer.ok()) {
      told = judge(writer.status(), "writer");
    } else if (const auto again = ContentsOf(copy_); !again.ok()) {
      told = judge(again.status(), "reader behind a writer");
    } else {
      EXPECT_TRUE(*again == expected) << "other contents behind a writer";
    }
    EXPECT_TRUE(!told || problems.find(path) != std::string::npos) << "verify: " << problems;
    return told;
  }

  // Flips one bit (of CURRENT each) at each of so many positions of each file of a kind: all of the first and last
  // bytes, others at random. How many were noticed.
  int Flip(const std::string& kind, size_t at_each_end, int at_random) {
    base::RandomStream random(1, base::StreamId("log_damage_test"), base::StreamId(kind));
    const Contents expected = ContentsOf(log_).value();
    int told = 0;
    const std::vector<std::string> files = Files(kind);
    EXPECT_FALSE(files.empty()) << kind;
    for (const std::string& name : files) {
      const std::string bytes = BytesOf(log_ / "data" / name);
      std::set<size_t> positions;
      for (size_t i = 0; i < std::min(at_each_end, bytes.size()); ++i) {
        positions.insert(i);
        positions.insert(bytes.size() - 1 - i);
      }
      for (int i = 0; i < at_random && !bytes.empty(); ++i) positions.insert(random.Below(bytes.size()));
      // A table ends with what is said of it, which RocksDB reads in a way of its own: of one table, more of that.
      for (int i = 0; i < 80 && kind == ".sst" && name == files.front(); ++i) {
        positions.insert(bytes.size() - 1 - random.Below(std::min<size_t>(bytes.size(), 1200)));
      }
      for (const size_t at : positions) {
        const bool every_bit = kind == "CURRENT";
        for (uint64_t bits = every_bit ? 0xff : uint64_t{1} << random.Below(8), bit = 0; bit < 8; ++bit) {
          if ((bits >> bit & 1) == 0) continue;
          SCOPED_TRACE(absl::StrCat(name, " of ", bytes.size(), " bytes, byte ", at, " bit ", bit));
          std::string damaged = bytes;
          damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
          CopyBut(name, damaged);
          told += Check(name, expected);
          if (HasFailure()) return told;
        }
      }
    }
    return told;
  }

  // Slow tests flip many more.
  static bool Slow() { return std::getenv("VICKREY_SLOW_TESTS") != nullptr; }

  const TestFolder folder_;
  const fs::path log_, copy_;
  const FaultyEnv env_;  // without faults: it only spares the disk, for each opening for writing syncs dozens of times
};

TEST_F(LogDamageTest, TheLogHasSeveralFilesOfEachKind) {
  EXPECT_GE(Files(".sst").size(), 6u);
  EXPECT_EQ(Files("MANIFEST-").size(), 1u);
  ASSERT_GE(Files(".log").size(), 1u);
  EXPECT_GT(fs::file_size(log_ / "data" / Files(".log").back()), 32768u);
  EXPECT_EQ(ProblemsOf(log_), "");
}

TEST_F(LogDamageTest, ABitOfASortedTable) { EXPECT_GT(Flip(".sst", Slow() ? 30 : 2, Slow() ? 20 : 2), 10); }
// The version has no checksum. Of a table whose index is too small to be compressed and whose records are not, another
// version opens well, and is noticed when the records are read.
TEST_F(LogDamageTest, TheVersionOfATableOfOneBlock) {
  const fs::path log = folder_.path() / "one";
  {
    const auto writer = ImpressionLog::Open(log).value();
    LoggedAuction auction = AuctionOf(1);
    auction.set_model(std::string(4000, 'm'));
    ASSERT_TRUE(writer->AppendAuctions({&auction, 1}).ok());
    ASSERT_TRUE(writer->CreateSnapshot().ok());
  }
  int told = 0;
  for (const auto& entry : fs::directory_iterator(log / "data")) {
    if (entry.path().extension() != ".sst") continue;
    const std::string bytes = BytesOf(entry);
    std::string damaged = bytes;
    damaged[bytes.size() - 12] = 1;  // 5: the number stands in front of the magic one
    std::ofstream(entry.path(), std::ios::binary) << damaged;
    const absl::Status read = ContentsOf(log).status();
    if (!read.ok()) {
      ++told;
      EXPECT_TRUE(absl::IsDataLoss(read)) << read;
      EXPECT_THAT(std::string(read.message()), HasSubstr(entry.path().string()));
      EXPECT_THAT(ProblemsOf(log), HasSubstr(entry.path().string()));
    }
    std::ofstream(entry.path(), std::ios::binary) << bytes;
  }
  EXPECT_GE(told, 1);
}

TEST_F(LogDamageTest, ABitOfTheWriteAheadLog) { EXPECT_GT(Flip(".log", Slow() ? 100 : 14, Slow() ? 300 : 40), 10); }
TEST_F(LogDamageTest, ABitOfTheManifest) { EXPECT_GT(Flip("MANIFEST-", Slow() ? 100 : 14, Slow() ? 300 : 40), 10); }
TEST_F(LogDamageTest, ABitOfCurrent) { EXPECT_GT(Flip("CURRENT", 100, 0), 10); }
// Nothing is read of these.
TEST_F(LogDamageTest, ABitOfWhatIsNotRead) {
  EXPECT_EQ(Flip("IDENTITY", 1, 0), 0);
  EXPECT_EQ(Flip("OPTIONS-", 0, 2), 0);
}

TEST_F(LogDamageTest, AFileThatIsMissing) {
  for (const char* kind : {".sst", "MANIFEST-", "CURRENT"}) {
    const Contents expected = ContentsOf(log_).value();
    for (const std::string& name : Files(kind)) {
      SCOPED_TRACE(name);
      CopyBut(name, "");
      fs::remove(copy_ / "data" / name);
      EXPECT_TRUE(Check(name, expected));
    }
  }
}

// A snapshot's files are checked as the log's are; here what only it has.
TEST_F(LogDamageTest, ABitOfTheManifestOfASnapshot) {
  const auto snapshot = ListSnapshots(log_).value().at(0);
  const std::string& id = snapshot.snapshot_id();
  const fs::path file = log_ / "snapshots" / id / "SNAPSHOT.json";
  const std::string bytes = BytesOf(file);
  base::RandomStream random(2, base::StreamId("log_damage_test"), 0);
  int told = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << random.Below(8));
    std::ofstream(file, std::ios::binary) << damaged;
    SCOPED_TRACE(absl::StrCat(damaged, " byte ", at));
    const absl::Status read = LogReader::Open(log_, id).status();
    if (!read.ok() && !absl::IsFailedPrecondition(read)) {  // a digit of the format
      ++told;
      EXPECT_TRUE(absl::IsDataLoss(read)) << read;
      EXPECT_THAT(std::string(read.message()), HasSubstr(file.string()));
    }
  }
  EXPECT_GT(told, static_cast<int>(bytes.size()) / 2);
}

class LaterFormatTest : public testing::Test {
 protected:
  LaterFormatTest() : folder_("later_format_test"), log_(folder_.path() / "log") {
    const auto log = ImpressionLog::Open(log_).value();
    const LoggedAuction auction = AuctionOf(1);
    EXPECT_TRUE(log->AppendAuctions({&auction, 1}).ok());
    snapshot_ = log->CreateSnapshot().value().snapshot_id();
  }

  std::map<std::string, std::string> Everything() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(log_)) {
      if (entry.is_regular_file()) files[entry.path().string()] = BytesOf(entry.path());
    }
    return files;
  }

  // Nobody reads the log or writes to it, and it stays as it is.
  void ExpectRefused() const {
    const auto before = Everything();
    for (const absl::Status& status : {LogReader::Open(log_, "").status(), ImpressionLog::Open(log_, false).status()}) {
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("this"));
    }
    const auto after = Everything();
    for (const auto& [file, bytes] : before) EXPECT_EQ(after.contains(file) ? after.at(file) : "none", bytes) << file;
    for (const auto& [file, bytes] : after) EXPECT_TRUE(before.contains(file)) << file;
  }

  const TestFolder folder_;
  const fs::path log_;
  std::string snapshot_;
};

TEST_F(LaterFormatTest, OfTheLog) {
  {
    const auto database = Database::OpenForWriting(log_, false, {}).value();
    auto meta = database->ReadMeta().value();
    meta.set_format(kFormat + 1);
    const std::string bytes = SerializeDeterministically(meta);
    ASSERT_TRUE(database->db().Put({}, database->family(Family::kMeta), kMetaKey, bytes).ok());
  }
  ExpectRefused();
  EXPECT_TRUE(absl::IsFailedPrecondition(Verify(log_, "").status()) || !ProblemsOf(log_).empty());
}

TEST_F(LaterFormatTest, OfTheDatabase) {
  {
    const auto database = Database::OpenForWriting(log_, false, {}).value();
    rocksdb::ColumnFamilyHandle* later = nullptr;
    ASSERT_TRUE(database->db().CreateColumnFamily({}, "later", &later).ok());
    ASSERT_TRUE(database->db().DestroyColumnFamilyHandle(later).ok());
  }
  ExpectRefused();
}

TEST_F(LaterFormatTest, OfASnapshot) {
  const fs::path file = log_ / "snapshots" / snapshot_ / "SNAPSHOT.json";
  std::string json = BytesOf(file);
  ASSERT_EQ(absl::StrReplaceAll({{"\"format\":1", "\"format\":2,\"later\":[1]"}}, &json), 1) << json;
  std::ofstream(file, std::ios::binary) << json;
  const auto before = Everything();
  EXPECT_TRUE(absl::IsFailedPrecondition(LogReader::Open(log_, snapshot_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ListSnapshots(log_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DeleteSnapshot(log_, snapshot_)));
  EXPECT_EQ(Everything(), before);
  EXPECT_TRUE(LogReader::Open(log_, "").ok());  // the log itself is of this version
}

}  // namespace
}  // namespace vickrey::log
