#include "vickrey/log/verify.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/sha256.h"
#include "vickrey/log/contents_testing.h"
#include "vickrey/log/database.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/log_testing.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Family = Database::Family;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;

// Each kind of problem, made on purpose.
class VerifyTest : public LogTest {
 protected:
  VerifyTest() {
    auto log = Open();
    EXPECT_EQ(Append(*log, Auction("a")), AppendAuctionResult::STORED);
    EXPECT_EQ(Append(*log, Auction("b", kStart + 1)), AppendAuctionResult::STORED);
    EXPECT_EQ(Append(*log, Click("f", "a", "x")), AppendFeedbackResult::STORED);
    EXPECT_EQ(Append(*log, Click("g", "c", "x")), AppendFeedbackResult::ORPHAN);
    log.reset();
    EXPECT_EQ(ProblemsOf(folder_), "");
    database_ = Database::OpenForWriting(folder_, false, {}).value();
  }

  void Put(Family to, const std::string& key, const std::string& value) {
    ASSERT_TRUE(database_->db().Put({}, database_->family(to), key, value).ok());
  }
  void Delete(Family from, const std::string& key) {
    ASSERT_TRUE(database_->db().Delete({}, database_->family(from), key).ok());
  }
  std::string Get(Family of, const std::string& key) {
    std::string value;
    EXPECT_TRUE(database_->db().Get({}, database_->family(of), key, &value).ok());
    return value;
  }
  // Kind and place of each problem.
  std::vector<std::string> Found() {
    database_.reset();
    std::vector<std::string> kinds;
    const auto found = Verify(folder_, "").value();
    for (const auto& problem : found.problems) kinds.push_back(absl::StrCat(problem.kind, " ", problem.file));
    EXPECT_EQ(found.problem_count, static_cast<int64_t>(kinds.size()));
    return kinds;
  }
  static std::string Bytes(const Feedback& report) {
    vickrey::storage::v1::StoredFeedback stored;
    *stored.mutable_feedback() = report;
    return SerializeDeterministically(stored);
  }
  static std::string Suffix(const std::string& ad, const std::string& id) {
    return FeedbackSuffix(ad, Feedback::CLICK, id);
  }

  std::unique_ptr<Database> database_;
};

TEST_F(VerifyTest, AnAuctionWithoutItsId) {
  Delete(Family::kIds, "a");
  EXPECT_THAT(Found(), ElementsAre("id auctions"));
}

TEST_F(VerifyTest, AnIdWithoutItsAuction) {
  Put(Family::kIds, "ghost", Get(Family::kIds, "a"));
  EXPECT_THAT(Found(), ElementsAre("id ids"));
}

TEST_F(VerifyTest, AnAuctionThatIsGone) {
  Delete(Family::kAuctions, AuctionKey(kStart, "a"));
  EXPECT_THAT(Found(), UnorderedElementsAre("id ids", "join feedback", "count meta"));
}

TEST_F(VerifyTest, AnAuctionThatWasChanged) {
  vickrey::storage::v1::StoredAuction stored;
  *stored.mutable_record() = Auction("a", kStart, 2);
  Put(Family::kAuctions, AuctionKey(kStart, "a"), SerializeDeterministically(stored));
  EXPECT_THAT(Found(), ElementsAre("id auctions"));
}

TEST_F(VerifyTest, AnIdOfAnotherTime) {
  vickrey::storage::v1::StoredId id;
  ASSERT_TRUE(id.ParseFromString(Get(Family::kIds, "a")));
  id.set_event_time(kStart + 1);
  Put(Family::kIds, "a", SerializeDeterministically(id));
  EXPECT_THAT(Found(), ElementsAre("id ids"));
}

TEST_F(VerifyTest, AnAuctionAtAnotherPlace) {
  Put(Family::kAuctions, AuctionKey(kStart + 7, "a"), Get(Family::kAuctions, AuctionKey(kStart, "a")));
  Delete(Family::kAuctions, AuctionKey(kStart, "a"));
  EXPECT_THAT(Found(), UnorderedElementsAre("key auctions", "join feedback"));
}

TEST_F(VerifyTest, AReportWithoutItsAuction) {
  Put(Family::kFeedback, FeedbackPrefix(kStart, "none") + Suffix("x", "h"), Bytes(Click("h", "none", "x")));
  EXPECT_THAT(Found(), UnorderedElementsAre("join feedback", "count meta"));
}

TEST_F(VerifyTest, AReportOnAnAdThatWasNotThere) {
  Put(Family::kFeedback, FeedbackPrefix(kStart, "a") + Suffix("z", "h"), Bytes(Click("h", "a", "z")));
  EXPECT_THAT(Found(), UnorderedElementsAre("join feedback", "count meta"));
}

TEST_F(VerifyTest, AReportAtAnotherPlace) {
  Put(Family::kFeedback, FeedbackPrefix(kStart, "a") + Suffix("x", "h"), Bytes(Click("i", "a", "x")));
  EXPECT_THAT(Found(), UnorderedElementsAre("key feedback", "count meta"));
}

TEST_F(VerifyTest, AnOrphanWhoseAuctionIsThere) {
  Put(Family::kOrphans, OrphanPrefix("b") + Suffix("x", "h"), Bytes(Click("h", "b", "x")));
  EXPECT_THAT(Found(), UnorderedElementsAre("join orphans", "count meta"));
}

TEST_F(VerifyTest, AnOrphanAtAnotherPlace) {
  Put(Family::kOrphans, OrphanPrefix("d") + Suffix("x", "g"),
      Get(Family::kOrphans, OrphanPrefix("c") + Suffix("x", "g")));
  Delete(Family::kOrphans, OrphanPrefix("c") + Suffix("x", "g"));
  EXPECT_THAT(Found(), ElementsAre("key orphans"));
}

TEST_F(VerifyTest, RecordsThatAreNone) {
  Put(Family::kAuctions, AuctionKey(kStart, "a"), "nonsense");
  Put(Family::kIds, "b", "nonsense");
  Put(Family::kOrphans, OrphanPrefix("c") + Suffix("x", "g"), Bytes(Click("", "c", "x")));
  const auto found = Found();
  for (const char* kind : {"record auctions", "record ids", "record orphans"}) EXPECT_THAT(found, Contains(kind));
}

TEST_F(VerifyTest, AWrongCount) {
  auto meta = database_->ReadMeta().value();
  meta.set_last_sequence(3);
  meta.set_feedback(1);
  Put(Family::kMeta, kMetaKey, SerializeDeterministically(meta));
  EXPECT_THAT(Found(), ElementsAre("count meta", "count meta"));
}

TEST_F(VerifyTest, ASnapshotThatWasChanged) {
  database_.reset();
  const std::string id = Open()->CreateSnapshot().value().snapshot_id();
  ASSERT_EQ(ProblemsOf(folder_, id), "");
  // Whole, and not what it was: another auction of the same bytes in each place that is checked.
  vickrey::storage::v1::StoredAuction stored;
  *stored.mutable_record() = Auction("a", kStart, 2);
  const std::string bytes = SerializeDeterministically(stored);
  base::Sha256 sha;
  sha.Update(bytes);
  vickrey::storage::v1::StoredId stored_id;
  stored_id.set_event_time(kStart);
  stored_id.set_digest(sha.Digest());
  stored_id.set_sequence(1);
  const fs::path moved = folder_ / "snapshots" / "moved";
  fs::create_directories(moved);
  fs::rename(SnapshotData(folder_, id), moved / "data");
  {
    const auto snapshot = Database::OpenForWriting(moved, false, {}).value();
    ASSERT_TRUE(snapshot->db().Put({}, snapshot->family(Family::kAuctions), AuctionKey(kStart, "a"), bytes).ok());
    ASSERT_TRUE(
        snapshot->db().Put({}, snapshot->family(Family::kIds), "a", SerializeDeterministically(stored_id)).ok());
  }
  fs::rename(moved / "data", SnapshotData(folder_, id));
  EXPECT_THAT(ProblemsOf(folder_, id), HasSubstr("digest "));
}

TEST_F(VerifyTest, WhatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(Verify(folder_ / "none", "").status()));
  EXPECT_TRUE(absl::IsNotFound(Verify(folder_, "none").status()));
}

}  // namespace
}  // namespace vickrey::log
