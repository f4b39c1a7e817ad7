#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"
#include "vickrey/log/contents_testing.h"
#include "vickrey/log/database.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/log_testing.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/log/staging.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Family = Database::Family;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

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
  // Whoever counts labels leaves it out until no-clicks are known, too.
  EXPECT_FALSE(first({.as_of = kStart + kHour - 1, .young_clicks = false}).has_click());
  EXPECT_TRUE(first({.as_of = kStart + kHour, .young_clicks = false}).click());
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

TEST_F(LogTest, AReaderOfTheWriterSeesWhatWasThere) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  const auto reader = log->NewReader();
  ASSERT_EQ(Append(*log, Auction("b", kStart + 1)), AppendAuctionResult::STORED);
  ASSERT_EQ(Append(*log, Click("c", "a", "x")), AppendFeedbackResult::STORED);
  ASSERT_EQ(log->Prune(kStart + 1)->auctions, 1);
  const auto ids = [](const LogReader& from) {
    std::vector<std::string> found;
    const auto scan = from.NewScan({}).value();
    for (LoggedAuction record; scan->Next(&record).value();) {
      EXPECT_FALSE(record.candidates(0).click());
      found.push_back(record.auction().auction_id());
    }
    return found;
  };
  EXPECT_THAT(ids(*reader), ElementsAre("a"));
  EXPECT_THAT(ids(*log->NewReader()), ElementsAre("b"));
  EXPECT_EQ(reader->Stats()->auctions, 1);
  EXPECT_EQ(reader->Stats()->feedback, 0);
  const auto stop = [] { return absl::CancelledError("enough"); };
  EXPECT_TRUE(reader->Stats(stop).ok());  // it asks now and then only
  log.reset();
  EXPECT_THAT(ids(*reader), ElementsAre("a"));  // it keeps the database
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

// A log that was written and whose list of files is gone is not a new one.
TEST_F(LogTest, ALogWithoutItsListOfFilesIsDamaged) {
  Append(*Open(), Auction("a"));
  for (const bool all : {false, true}) {
    if (all) {
      for (const auto& entry : fs::directory_iterator(folder_ / "data")) fs::remove(entry.path());
    } else {
      fs::remove(folder_ / "data" / "CURRENT");
    }
    for (int i = 0; i < 2; ++i) {  // trying changes nothing
      const absl::Status writing = ImpressionLog::Open(folder_).status();
      EXPECT_TRUE(absl::IsDataLoss(writing)) << writing;
      EXPECT_THAT(std::string(writing.message()), HasSubstr((folder_ / "data" / "CURRENT").string()));
      EXPECT_TRUE(absl::IsDataLoss(LogReader::Open(folder_, "").status()));
    }
  }
  fs::remove(folder_ / "data");
  EXPECT_TRUE(absl::IsDataLoss(ImpressionLog::Open(folder_).status()));
}

// Changes of one batch see each other, whichever way they are kept.
TEST_F(LogTest, WhatIsStagedIsRead) {
  const auto database = Database::OpenForWriting(folder_, /*create=*/true, {}).value();
  Staging staging(database.get());
  vickrey::storage::v1::LogMeta meta;
  vickrey::storage::v1::StoredAuction a, read;
  *a.mutable_record() = Auction("a");
  for (const auto family : {Database::Family::kAuctions, Database::Family::kIds}) {
    staging.Begin(meta);
    EXPECT_FALSE(staging.Get(family, "k", &read).value());
    ASSERT_TRUE(staging.Put(family, "k", SerializeDeterministically(a)).ok());
    ASSERT_TRUE(staging.Get(family, "k", &read).value());
    EXPECT_EQ(read.record().auction().auction_id(), "a");
    staging.Mark();
    ASSERT_TRUE(staging.Delete(family, "k").ok());
    EXPECT_FALSE(staging.Get(family, "k", &read).value());
    staging.TakeBack();
    EXPECT_TRUE(staging.Get(family, "k", &read).value());
    ASSERT_TRUE(staging.Write().ok());
    EXPECT_TRUE(database->Get(family, "k", &read).value());
  }
  EXPECT_FALSE(staging.may_have_orphans());
  ASSERT_TRUE(staging.Put(Database::Family::kOrphans, "k", "").ok());
  EXPECT_TRUE(staging.may_have_orphans());
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

Feedback Conversion(const std::string& id, const std::string& auction, const std::string& ad, int64_t time,
                    std::optional<int64_t> value = std::nullopt) {
  Feedback report = Click(id, auction, ad);
  report.set_kind(Feedback::CONVERSION);
  report.set_event_time(time);
  if (value.has_value()) report.set_value_micros(*value);
  return report;
}

TEST_F(LogTest, AnotherReportWithTheSameIdOnItsAuctionIsAConflict) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  ASSERT_EQ(Append(*log, Auction("b")), AppendAuctionResult::STORED);
  ASSERT_EQ(Append(*log, Click("f", "a", "x")), AppendFeedbackResult::STORED);
  Feedback later = Click("f", "a", "x");
  later.set_event_time(kStart + 6);
  for (const Feedback& other : {later, Click("f", "a", "y"), Conversion("f", "a", "x", kStart + 5)}) {
    EXPECT_EQ(Append(*log, other), AppendFeedbackResult::CONFLICT);
  }
  EXPECT_EQ(Append(*log, Click("f", "a", "x")), AppendFeedbackResult::DUPLICATE);
  EXPECT_EQ(Append(*log, Click("f", "b", "x")), AppendFeedbackResult::STORED);  // of another auction
  EXPECT_EQ(Append(*log, Click("f2", "a", "x")), AppendFeedbackResult::STORED);
  EXPECT_FALSE(Read()[0].candidates(1).click());
  // Of orphans too, and once they are joined.
  EXPECT_EQ(Append(*log, Click("f", "c", "x")), AppendFeedbackResult::ORPHAN);
  EXPECT_EQ(Append(*log, Click("f", "c", "y")), AppendFeedbackResult::CONFLICT);
  ASSERT_EQ(Append(*log, Auction("c")), AppendAuctionResult::STORED);
  EXPECT_EQ(Append(*log, Click("f", "c", "y")), AppendFeedbackResult::CONFLICT);
  // Within one batch.
  const auto results = log->AppendFeedback(std::vector{Click("g", "a", "x"), Click("g", "a", "y")}).value();
  EXPECT_EQ(results[0].status(), AppendFeedbackResult::STORED);
  EXPECT_EQ(results[1].status(), AppendFeedbackResult::CONFLICT);
}

TEST_F(LogTest, ConversionsAreAddedUp) {
  auto log = Open();
  LoggedAuction record = Auction("a");
  record.mutable_candidates(0)->set_conversions(2);
  record.mutable_candidates(0)->set_conversion_value_micros(100);
  ASSERT_EQ(Append(*log, record), AppendAuctionResult::STORED);
  ASSERT_EQ(Append(*log, Conversion("f1", "a", "x", kStart + 10, 7)), AppendFeedbackResult::STORED);
  ASSERT_EQ(Append(*log, Conversion("f2", "a", "x", kStart + 20)), AppendFeedbackResult::STORED);
  ASSERT_EQ(Append(*log, Conversion("f3", "a", "x", kStart + 30, kMaxMicros)), AppendFeedbackResult::STORED);
  const auto first = [&](int64_t as_of) { return Read({.as_of = as_of})[0].candidates(0); };
  EXPECT_EQ(first(kStart + 9).conversions(), 2);  // as it was logged
  EXPECT_EQ(first(kStart + 9).conversion_value_micros(), 100);
  EXPECT_EQ(first(kStart + 10).conversions(), 3);
  EXPECT_EQ(first(kStart + 10).conversion_value_micros(), 107);
  EXPECT_EQ(first(kStart + 20).conversions(), 4);  // without a value
  EXPECT_EQ(first(kStart + 20).conversion_value_micros(), 107);
  EXPECT_EQ(first(kStart + 30).conversion_value_micros(), kMaxMicros);
  EXPECT_FALSE(first(kStart + 30).has_click());  // a conversion is no click, and none makes no label
  EXPECT_FALSE(Read()[0].candidates(1).has_conversions());
  const LogStats stats = LogReader::Open(folder_, "").value()->Stats().value();
  EXPECT_EQ(stats.conversions, 5);
  EXPECT_EQ(stats.feedback, 3);
}

TEST_F(LogTest, FeedbackMayBeEarlyByItsClockOrYearsLate) {
  auto log = Open();
  ASSERT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
  ASSERT_EQ(Append(*log, Auction("b", kStart + 1)), AppendAuctionResult::STORED);
  Feedback early = Click("f1", "a", "x"), late = Click("f2", "b", "x");
  early.set_event_time(kStart - 3'600'000'000);
  late.set_event_time(kStart + 5 * 365 * int64_t{86'400'000'000});
  ASSERT_EQ(Append(*log, early), AppendFeedbackResult::STORED);
  ASSERT_EQ(Append(*log, late), AppendFeedbackResult::STORED);
  const auto before = Read({.as_of = late.event_time() - 1});
  EXPECT_TRUE(before[0].candidates(0).click());
  EXPECT_FALSE(before[1].candidates(0).click());  // a no-click, until then
  EXPECT_TRUE(before[1].candidates(0).has_click());
  EXPECT_TRUE(Read({.as_of = late.event_time()})[1].candidates(0).click());
  EXPECT_TRUE(Read({.as_of = kStart})[0].candidates(0).click());
}

TEST_F(LogTest, PruningDeletesAuctionsWithAllThatBelongsToThem) {
  auto log = Open();
  for (const auto& [id, time] : {std::pair("old", kStart), {"edge", kStart + 10}, {"new", kStart + 20}}) {
    ASSERT_EQ(Append(*log, Auction(id, time)), AppendAuctionResult::STORED);
    ASSERT_EQ(Append(*log, Click("f", id, "x")), AppendFeedbackResult::STORED);
  }
  Feedback orphan = Click("f", "never", "x");
  orphan.set_event_time(kStart + 9);
  ASSERT_EQ(Append(*log, orphan), AppendFeedbackResult::ORPHAN);
  orphan.set_auction_id("later");
  orphan.set_event_time(kStart + 10);
  ASSERT_EQ(Append(*log, orphan), AppendFeedbackResult::ORPHAN);
  const std::string snapshot = log->CreateSnapshot().value().snapshot_id();

  EXPECT_EQ(base::FieldOf(log->Prune(-1).status()), "before");
  auto pruned = log->Prune(kStart + 10).value();
  EXPECT_EQ(pruned.auctions, 1);
  EXPECT_EQ(pruned.feedback, 1);  // though that came later than `before`
  EXPECT_EQ(pruned.orphans, 1);
  EXPECT_THAT(Ids(), ElementsAre("edge", "new"));
  EXPECT_EQ(ProblemsOf(folder_), "");
  const LogStats stats = LogReader::Open(folder_, "").value()->Stats().value();
  EXPECT_EQ(stats.feedback, 3);
  EXPECT_EQ(stats.orphans, 1);
  pruned = log->Prune(kStart + 10).value();
  EXPECT_EQ(pruned.auctions + pruned.feedback + pruned.orphans, 0);

  // The snapshot keeps all.
  EXPECT_THAT(Ids({}, snapshot), ElementsAre("old", "edge", "new"));
  EXPECT_EQ(ProblemsOf(folder_, snapshot), "");
  // What was pruned is unknown: it comes again, its feedback too, with another sequence number.
  const LoggedAuction again = Auction("old");
  const auto result = log->AppendAuctions({&again, 1}).value().at(0);
  EXPECT_EQ(result.status(), AppendAuctionResult::STORED);
  EXPECT_EQ(result.sequence(), 4u);
  EXPECT_FALSE(Read()[0].candidates(0).click());
  EXPECT_EQ(Append(*log, Click("f", "old", "x")), AppendFeedbackResult::STORED);
  EXPECT_EQ(ProblemsOf(folder_), "");
  // And it is gone after a restart.
  ASSERT_TRUE(log->Prune(kStart + 15).ok());
  log.reset();
  log = Open();
  EXPECT_THAT(Ids(), ElementsAre("new"));
  EXPECT_EQ(ProblemsOf(folder_), "");
}

TEST_F(LogTest, MoreIsPrunedThanGoesIntoOneBatch) {
  auto log = Open();
  std::vector<LoggedAuction> records;
  for (int i = 0; i < 20'001; ++i) records.push_back(Auction(absl::StrCat("a", i), kStart + i / 3));
  ASSERT_TRUE(log->AppendAuctions(records).ok());
  EXPECT_EQ(log->Prune(kStart + 6'667).value().auctions, 20'001);
  EXPECT_TRUE(Ids().empty());
  EXPECT_EQ(ProblemsOf(folder_), "");
}

TEST_F(LogTest, SnapshotsAgeOut) {
  auto log = Open();
  std::vector<std::string> ids;
  std::vector<int64_t> times;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(Append(*log, Auction(absl::StrCat("a", i))), AppendAuctionResult::STORED);
    const auto snapshot = log->CreateSnapshot().value();
    ids.push_back(snapshot.snapshot_id());
    times.push_back(snapshot.created_time());
  }
  const auto listed = [this] {
    std::vector<std::string> names;
    for (const auto& snapshot : std::vector(ListSnapshots(folder_).value())) names.push_back(snapshot.snapshot_id());
    return names;
  };
  EXPECT_EQ(listed(), ids);
  EXPECT_TRUE(PruneSnapshots(folder_, times[0], 0).value().empty());  // not before it
  EXPECT_TRUE(PruneSnapshots(folder_, times[3] + 1, 4).value().empty());
  EXPECT_TRUE(PruneSnapshots(folder_, times[3] + 1, 9).value().empty());
  EXPECT_EQ(PruneSnapshots(folder_, times[3] + 1, 3).value().at(0).snapshot_id(), ids[0]);
  EXPECT_EQ(PruneSnapshots(folder_, times[2], 1).value().at(0).snapshot_id(), ids[1]);
  EXPECT_THAT(listed(), ElementsAre(ids[2], ids[3]));
  EXPECT_EQ(PruneSnapshots(folder_, times[3] + 1, 0).value().size(), 2u);
  EXPECT_TRUE(listed().empty());
  EXPECT_THAT(Ids(), testing::SizeIs(4));  // the log has all
}

}  // namespace
}  // namespace vickrey::log
