#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

constexpr int64_t kStart = 1704067200000000;

LoggedAuction Auction(const std::string& id, int64_t time = kStart, int slot_of_first = 1) {
  LoggedAuction record;
  record.mutable_auction()->set_auction_id(id);
  record.mutable_auction()->set_event_time(time);
  for (const char* ad : {"x", "y"}) {
    auto& candidate = *record.mutable_auction()->add_candidates();
    candidate.set_ad_id(ad);
    candidate.mutable_bid()->set_micros(1'000'000);
    record.add_candidates();
  }
  record.mutable_candidates(0)->set_slot(slot_of_first);
  return record;
}

Feedback Click(const std::string& id, const std::string& auction, const std::string& ad) {
  Feedback feedback;
  feedback.set_feedback_id(id);
  feedback.set_auction_id(auction);
  feedback.set_ad_id(ad);
  feedback.set_kind(Feedback::CLICK);
  feedback.set_event_time(kStart + 5);
  return feedback;
}

class LogTest : public testing::Test {
 protected:
  LogTest() : folder_(fs::path(testing::TempDir()) / absl::StrCat("log_test-", getpid())) { fs::remove_all(folder_); }
  ~LogTest() override { fs::remove_all(folder_); }

  std::unique_ptr<ImpressionLog> Open() const { return ImpressionLog::Open(folder_).value(); }

  AppendAuctionResult::Status Append(ImpressionLog& log, const LoggedAuction& record) const {
    return log.AppendAuctions({&record, 1}).value().at(0).status();
  }
  AppendFeedbackResult::Status Append(ImpressionLog& log, const Feedback& report) const {
    return log.AppendFeedback({&report, 1}).value().at(0).status();
  }

  std::vector<LoggedAuction> Read(const LogReader::ScanOptions& options = {}, const std::string& snapshot = "") const {
    const auto reader = LogReader::Open(folder_, snapshot).value();
    const auto scan = reader->NewScan(options).value();
    std::vector<LoggedAuction> records;
    for (LoggedAuction record; scan->Next(&record).value();) records.push_back(record);
    return records;
  }
  std::vector<std::string> Ids(const LogReader::ScanOptions& options = {}, const std::string& snapshot = "") const {
    std::vector<std::string> ids;
    for (const auto& record : Read(options, snapshot)) ids.push_back(record.auction().auction_id());
    return ids;
  }

  const fs::path folder_;
};

TEST_F(LogTest, ScansInOrderOfTime) {
  auto log = Open();
  EXPECT_EQ(Append(*log, Auction("late", kStart + 20)), AppendAuctionResult::STORED);
  EXPECT_EQ(Append(*log, Auction("early", kStart)), AppendAuctionResult::STORED);
  EXPECT_EQ(Append(*log, Auction("middle", kStart + 10)), AppendAuctionResult::STORED);
  EXPECT_THAT(Ids(), ElementsAre("early", "middle", "late"));
  EXPECT_THAT(Ids({.from = kStart + 10}), ElementsAre("middle", "late"));
  EXPECT_THAT(Ids({.to = kStart + 10}), ElementsAre("early"));
}

TEST_F(LogTest, TheSameIsADuplicateAndAnotherAConflictWhateverTheTime) {
  auto log = Open();
  const std::vector<LoggedAuction> batch = {Auction("a"), Auction("b"), Auction("a"), Auction("a", kStart + 1)};
  const auto results = log->AppendAuctions(batch).value();
  EXPECT_EQ(results[0].status(), AppendAuctionResult::STORED);
  EXPECT_EQ(results[0].sequence(), 1u);
  EXPECT_EQ(results[1].sequence(), 2u);
  EXPECT_EQ(results[2].status(), AppendAuctionResult::DUPLICATE);
  EXPECT_EQ(results[2].sequence(), 1u);
  EXPECT_EQ(results[3].status(), AppendAuctionResult::CONFLICT);
  log.reset();
  log = Open();  // all of it is known after a restart too
  EXPECT_EQ(Append(*log, Auction("a")), AppendAuctionResult::DUPLICATE);
  EXPECT_EQ(Append(*log, Auction("a", kStart, 2)), AppendAuctionResult::CONFLICT);
  EXPECT_EQ(log->AppendAuctions(std::vector{Auction("c")}).value()[0].sequence(), 3u);
  EXPECT_THAT(Ids(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(Read()[0].candidates(0).slot(), 1);
}

TEST_F(LogTest, ABadRecordLeavesTheWholeBatchOut) {
  auto log = Open();
  std::vector<LoggedAuction> batch = {Auction("a"), Auction("b")};
  batch[1].mutable_candidates(0)->set_pctr(2);
  const absl::Status status = log->AppendAuctions(batch).status();
  EXPECT_EQ(base::FieldOf(status), "candidates[0].pctr");
  EXPECT_THAT(std::string(status.message()), HasSubstr("records[1]"));
  EXPECT_TRUE(Ids().empty());
}

TEST_F(LogTest, ALogHasOneCurrency) {
  auto log = Open();
  LoggedAuction dollars = Auction("a"), euros = Auction("b");
  dollars.mutable_auction()->set_currency_code("USD");
  euros.mutable_auction()->set_currency_code("EUR");
  EXPECT_EQ(Append(*log, dollars), AppendAuctionResult::STORED);
  EXPECT_EQ(base::FieldOf(log->AppendAuctions({&euros, 1}).status()), "currency_code");
  log.reset();
  log = Open();
  EXPECT_EQ(base::FieldOf(log->AppendAuctions({&euros, 1}).status()), "currency_code");
  EXPECT_EQ(Append(*log, Auction("c")), AppendAuctionResult::STORED);  // the log's
}

TEST_F(LogTest, FeedbackIsJoined) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  ASSERT_EQ(Append(*log, Auction("ab")), AppendAuctionResult::STORED);
  EXPECT_EQ(Append(*log, Click("f1", "a", "x")), AppendFeedbackResult::STORED);
  EXPECT_EQ(Append(*log, Click("f1", "a", "x")), AppendFeedbackResult::DUPLICATE);
  EXPECT_EQ(base::FieldOf(log->AppendFeedback(std::vector{Click("f2", "a", "z")}).status()), "ad_id");
  const auto records = Read();
  EXPECT_TRUE(records[0].candidates(0).click());
  EXPECT_FALSE(records[1].candidates(0).click());
}

TEST_F(LogTest, AnOrphanWaitsForItsAuction) {
  auto log = Open();
  EXPECT_EQ(Append(*log, Click("f1", "a", "x")), AppendFeedbackResult::ORPHAN);
  EXPECT_EQ(Append(*log, Click("f1", "a", "x")), AppendFeedbackResult::DUPLICATE);
  EXPECT_EQ(Append(*log, Click("f2", "ab", "x")), AppendFeedbackResult::ORPHAN);
  log.reset();
  log = Open();
  EXPECT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  EXPECT_TRUE(Read()[0].candidates(0).click());
  EXPECT_EQ(Append(*log, Click("f1", "a", "x")), AppendFeedbackResult::DUPLICATE);
}

TEST_F(LogTest, AnOrphanOnAnotherAdIsNotAdopted) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Click("f1", "a", "z")), AppendFeedbackResult::ORPHAN);
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  EXPECT_FALSE(Read()[0].candidates(0).click());
}

TEST_F(LogTest, AConflictChangesNothing) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  LoggedAuction euros = Auction("a"), dollars = Auction("b");
  euros.mutable_auction()->set_currency_code("EUR");
  dollars.mutable_auction()->set_currency_code("USD");
  EXPECT_EQ(Append(*log, euros), AppendAuctionResult::CONFLICT);
  EXPECT_EQ(Append(*log, dollars), AppendAuctionResult::STORED);  // EUR did not become the log's currency
}

TEST_F(LogTest, AFileIsImportedInOneWay) {
  auto log = Open();
  EXPECT_TRUE(log->BeginImport("d1", "group size 8").ok());
  EXPECT_TRUE(log->BeginImport("d1", "group size 8").ok());
  EXPECT_TRUE(log->BeginImport("d2", "group size 3").ok());
  log.reset();
  log = Open();
  EXPECT_EQ(base::FieldOf(log->BeginImport("d1", "group size 3")), "FILE");
}

TEST_F(LogTest, OnlyEmptyFoldersBecomeLogs) {
  EXPECT_TRUE(absl::IsNotFound(ImpressionLog::Open(folder_, /*create=*/false).status()));
  fs::create_directories(folder_ / "something");
  EXPECT_EQ(base::FieldOf(ImpressionLog::Open(folder_).status()), "--db");
  EXPECT_EQ(base::FieldOf(ImpressionLog::Open("").status()), "--db");
}

TEST_F(LogTest, ANoClickMustBeOldEnough) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a", kStart)), AppendAuctionResult::STORED);
  const auto first = [&](const LogReader::ScanOptions& options) { return Read(options)[0].candidates(0); };
  constexpr int64_t kHour = 3'600'000'000;
  EXPECT_FALSE(first({.as_of = kStart + kHour - 1}).has_click());
  EXPECT_TRUE(first({.as_of = kStart + kHour}).has_click());
  EXPECT_FALSE(first({.as_of = kStart + kHour}).click());
  EXPECT_TRUE(first({.label_window = absl::ZeroDuration(), .as_of = kStart}).has_click());
  EXPECT_FALSE(Read({.as_of = kStart + kHour})[0].candidates(1).has_click());  // never shown: no label at all
  // A click is a click at any age, from when it was made.
  ASSERT_EQ(Append(*log, Click("f", "a", "x")), AppendFeedbackResult::STORED);
  EXPECT_TRUE(first({.as_of = kStart + 5}).click());
  EXPECT_FALSE(first({.as_of = kStart + 4}).has_click());
  EXPECT_FALSE(first({.as_of = kStart + 5, .join = false}).has_click());  // as it was appended
}

TEST_F(LogTest, ACursorGoesOnInTheSameSnapshotOnly) {
  auto log = Open();
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(Append(*log, Auction(absl::StrCat("a", i), kStart + i)), AppendAuctionResult::STORED);
  const std::string snapshot = log->CreateSnapshot().value().snapshot_id();
  const auto reader = LogReader::Open(folder_, snapshot).value();
  const auto scan = reader->NewScan({}).value();
  LoggedAuction record;
  ASSERT_TRUE(scan->Next(&record).value());
  ASSERT_TRUE(scan->Next(&record).value());
  EXPECT_THAT(Ids({.cursor = scan->cursor()}, snapshot), ElementsAre("a2", "a3", "a4"));
  EXPECT_EQ(base::FieldOf(LogReader::Open(folder_, "").value()->NewScan({.cursor = scan->cursor()}).status()),
            "cursor");
  EXPECT_EQ(base::FieldOf(reader->NewScan({.cursor = "nonsense"}).status()), "cursor");
}

TEST_F(LogTest, ASnapshotDoesNotChange) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  const auto first = log->CreateSnapshot().value();
  EXPECT_EQ(first.auctions(), 1);
  EXPECT_EQ(log->CreateSnapshot().value().snapshot_id(), first.snapshot_id());  // the same contents
  EXPECT_EQ(log->CreateSnapshot().value().created_time(), first.created_time());
  ASSERT_EQ(Append(*log, Auction("b", kStart + 1)), AppendAuctionResult::STORED);
  const auto second = log->CreateSnapshot().value();
  EXPECT_NE(second.digest(), first.digest());
  EXPECT_THAT(Ids({}, first.snapshot_id()), ElementsAre("a"));
  EXPECT_THAT(Ids({}, second.snapshot_id()), ElementsAre("a", "b"));
  EXPECT_EQ(ListSnapshots(folder_).value().size(), 2u);
  ASSERT_TRUE(DeleteSnapshot(folder_, first.snapshot_id()).ok());
  EXPECT_TRUE(absl::IsNotFound(LogReader::Open(folder_, first.snapshot_id()).status()));
  EXPECT_THAT(std::string(DeleteSnapshot(folder_, first.snapshot_id()).message()), HasSubstr(second.snapshot_id()));
  for (const char* bad : {"", "..", "../data", "."}) EXPECT_TRUE(absl::IsNotFound(DeleteSnapshot(folder_, bad))) << bad;
}

TEST_F(LogTest, ALogHasOneWriterAndAnyReaders) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  const absl::Status second = ImpressionLog::Open(folder_).status();
  EXPECT_TRUE(absl::IsUnavailable(second));
  EXPECT_THAT(std::string(second.message()), HasSubstr(absl::StrCat("pid ", getpid())));
  EXPECT_THAT(Ids(), ElementsAre("a"));
  EXPECT_TRUE(absl::IsNotFound(LogReader::Open(folder_ / "none", "").status()));
  EXPECT_FALSE(fs::exists(folder_ / "none"));  // reading makes nothing
}

// Readers open while the writer is opened again and again, each time writing out files and compacting old ones away.
TEST_F(LogTest, ReadersDoNotMindAWriterThatCompacts) {
  Open();
  std::thread writer([this] {
    for (int i = 0; i < 40; ++i) Append(*Open(), Auction(absl::StrCat("a", i), kStart + i));
  });
  size_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const auto reader = LogReader::Open(folder_, "");
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto stats = (*reader)->Stats();
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_GE(stats->auctions, static_cast<int64_t>(last));
    last = static_cast<size_t>(stats->auctions);
  }
  writer.join();
  EXPECT_EQ(Ids().size(), 40u);
}

// Random operations, with restarts, against a map.
TEST_F(LogTest, AgreesWithAMap) {
  base::RandomStream random(1, base::StreamId("log_test"), 0);
  std::map<std::pair<int64_t, std::string>, LoggedAuction> auctions;  // in the order of a scan
  std::map<std::string, int64_t> times;
  std::map<std::string, bool> clicked;  // auction ids with a click on "x", orphans among them
  auto log = Open();
  for (int step = 0; step < 400; ++step) {
    const std::string id = absl::StrCat("a", random.Below(60));
    switch (random.Below(8)) {
      case 0:
        log.reset();
        log = Open();
        break;
      case 1:
      case 2:
        ASSERT_TRUE(log->AppendFeedback(std::vector{Click(absl::StrCat("f", step), id, "x")}).ok());
        clicked[id] = true;
        break;
      default: {
        const LoggedAuction record = Auction(id, kStart + static_cast<int64_t>(random.Below(1000)));
        const auto status = Append(*log, record);
        const auto known = times.find(id);
        if (known == times.end()) {
          ASSERT_EQ(status, AppendAuctionResult::STORED);
          times[id] = record.auction().event_time();
          auctions[{record.auction().event_time(), id}] = record;
        } else {
          ASSERT_EQ(status, known->second == record.auction().event_time() ? AppendAuctionResult::DUPLICATE
                                                                           : AppendAuctionResult::CONFLICT);
        }
      }
    }
  }
  const auto records = Read();
  ASSERT_EQ(records.size(), auctions.size());
  size_t i = 0;
  for (const auto& [key, expected] : auctions) {
    EXPECT_EQ(records[i].auction().SerializeAsString(), expected.auction().SerializeAsString());
    EXPECT_EQ(records[i].candidates(0).click(), clicked.contains(key.second));
    ++i;
  }
  const LogStats stats = LogReader::Open(folder_, "").value()->Stats().value();
  EXPECT_EQ(stats.auctions, static_cast<int64_t>(auctions.size()));
  EXPECT_EQ(stats.candidates, static_cast<int64_t>(2 * auctions.size()));
  EXPECT_EQ(stats.from, auctions.begin()->first.first);
  EXPECT_EQ(stats.to, auctions.rbegin()->first.first);
}

}  // namespace
}  // namespace vickrey::log
