// What a log keeps when the power goes, and when the disk is full; and that threads share a sync.

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/log/contents_testing.h"
#include "vickrey/log/faulty_env_testing.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"

// RocksDB forgets a table in memory where it fails to begin a write-ahead log; it is small, and its own.
extern "C" const char* __lsan_default_suppressions() { return "leak:rocksdb::DBImpl::SwitchMemtable"; }

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

class LogFaultTest : public testing::Test {
 protected:
  LogFaultTest() : folder_("log_fault_test"), log_(folder_.path() / "log"), env_(folder_.path() / "saved") {}

  // The least buffers, so that files are written and compacted all the time.
  LogOptions Options() const { return {.write_buffer_bytes = size_t{64} << 10, .env = env_.env()}; }
  std::unique_ptr<ImpressionLog> Open() const { return ImpressionLog::Open(log_, true, Options()).value(); }

  const TestFolder folder_;
  const fs::path log_;
  FaultyEnv env_;
};

// What writers were told, over several losses of power.
class Ledger {
 public:
  // Auctions, or reports, were acknowledged.
  void Add(bool auctions, int64_t first, int64_t end) {
    const absl::MutexLock lock(&mu_);
    for (int64_t n = first; n < end; ++n) (auctions ? auctions_ : reports_).insert(n);
  }
  // Up to this time there may be gaps.
  void PruneBegins(int64_t before) {
    const absl::MutexLock lock(&mu_);
    pruned_before_ = std::max(pruned_before_, before);
  }
  void AddSnapshot(const std::string& id) {
    const absl::MutexLock lock(&mu_);
    snapshots_.insert(id);
  }

  // Every acknowledged record is there, and every record that is there is whole.
  void Check(const fs::path& log) {
    const absl::MutexLock lock(&mu_);
    const auto contents = ContentsOf(log);
    if (absl::IsNotFound(contents.status()) || absl::IsUnavailable(contents.status())) {  // it was never made
      ASSERT_TRUE(auctions_.empty() && reports_.empty()) << contents.status();
      return;
    }
    ASSERT_TRUE(contents.ok()) << contents.status();
    for (const auto& [id, bytes] : contents->auctions) {
      ASSERT_EQ(bytes, SerializeDeterministically(AuctionOf(NumberOf(id)))) << id;
    }
    for (const auto& [id, bytes] : contents->reports) {
      ASSERT_EQ(bytes, SerializeDeterministically(ReportOf(NumberOf(id)))) << id;
    }
    for (const int64_t n : auctions_) {
      ASSERT_TRUE(TimeOf(n) < pruned_before_ || contents->auctions.contains(absl::StrCat("a", n))) << n;
    }
    for (const int64_t n : reports_) {
      ASSERT_TRUE(TimeOf(n) < pruned_before_ || contents->reports.contains(absl::StrCat("f", n))) << n;
    }
    ASSERT_EQ(ProblemsOf(log), "");
    std::set<std::string> snapshots;
    const auto listed = ListSnapshots(log);
    ASSERT_TRUE(listed.ok()) << listed.status();
    for (const auto& snapshot : *listed) {
      snapshots.insert(snapshot.snapshot_id());
      ASSERT_EQ(ProblemsOf(log, snapshot.snapshot_id()), "");
    }
    ASSERT_THAT(snapshots, testing::IsSupersetOf(snapshots_));
  }
  size_t size() {
    const absl::MutexLock lock(&mu_);
    return auctions_.size() + reports_.size();
  }

 private:
  absl::Mutex mu_;
  std::set<int64_t> auctions_ ABSL_GUARDED_BY(mu_), reports_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> snapshots_ ABSL_GUARDED_BY(mu_);
  int64_t pruned_before_ ABSL_GUARDED_BY(mu_) = 0;
};

// Appends auctions from `first` and reports on them, the reports of some first, until something fails.
void AppendUntilItFails(ImpressionLog& log, int64_t first, Ledger& ledger) {
  base::RandomStream random(2, base::StreamId("log_fault_test"), static_cast<uint64_t>(first));
  for (int64_t n = first;;) {
    const int64_t end = n + 1 + static_cast<int64_t>(random.Below(6));
    std::vector<LoggedAuction> auctions;
    std::vector<Feedback> reports;
    for (int64_t i = n; i < end; ++i) auctions.push_back(AuctionOf(i));
    for (int64_t i = n; i < end; ++i) reports.push_back(ReportOf(i));
    const bool orphans = random.Bernoulli(0.3);
    for (const bool is_auctions : {!orphans, orphans}) {
      const absl::Status status =
          is_auctions ? log.AppendAuctions(auctions).status() : log.AppendFeedback(reports).status();
      if (!status.ok()) return;
      ledger.Add(is_auctions, n, end);
    }
    n = end;
  }
}

// Several threads append, sometimes one prunes or freezes; the power goes at any moment, also while the log opens.
TEST_F(LogFaultTest, WhatWasAcknowledgedSurvivesTheLossOfPower) {
  base::RandomStream random(1, base::StreamId("log_fault_test"), 0);
  constexpr int kLivesOfALog = 12;
  const int logs = std::getenv("VICKREY_SLOW_TESTS") == nullptr ? 2 : 20;
  size_t acknowledged = 0;
  for (int round = 0; round < logs; ++round) {
    fs::remove_all(log_);
    Ledger ledger;
    for (int64_t life = 0; life < kLivesOfALog; ++life) {
      SCOPED_TRACE(absl::StrCat("log ", round, ", life ", life));
      env_.LosePowerAfter(static_cast<int64_t>(random.Below(life % 4 == 0 ? 60 : 1500)));
      if (auto log = ImpressionLog::Open(log_, true, Options()); log.ok()) {
        std::vector<std::thread> threads;
        for (int64_t t = 0; t < 3; ++t) {
          threads.emplace_back([&, t] { AppendUntilItFails(**log, (life * 4 + t) * 1'000'000, ledger); });
        }
        const uint64_t also = random.Below(3);
        if (also == 1) {
          threads.emplace_back([&, before = kFirstTime + static_cast<int64_t>(random.Below(300))] {
            ledger.PruneBegins(before);
            while ((*log)->Prune(before).ok()) continue;
          });
        }
        if (also == 2) {
          threads.emplace_back([&] {
            for (auto snapshot = (*log)->CreateSnapshot(); snapshot.ok(); snapshot = (*log)->CreateSnapshot()) {
              ledger.AddSnapshot(snapshot->snapshot_id());
            }
          });
        }
        for (std::thread& thread : threads) thread.join();
      }
      EXPECT_TRUE(env_.lost_power());
      env_.Restart(random);
      ledger.Check(log_);
      if (HasFatalFailure()) return;
    }
    acknowledged += ledger.size();
  }
  EXPECT_GT(acknowledged, 500u);
}

// Appends until there is no space, whatever the fault; then that reading goes on, and once there is space writing.
class FullDiskTest : public LogFaultTest, public testing::WithParamInterface<std::string> {
 protected:
  void Fill(int64_t bytes) {
    if (GetParam() == "sync") {
      env_.FailSyncs(true);
    } else {
      env_.SetSpace(bytes, GetParam());
    }
  }
  void MakeSpace() {
    env_.FailSyncs(false);
    env_.SetEndlessSpace();
  }
};

TEST_P(FullDiskTest, ReadingGoesOnAndWritingOnceThereIsSpace) {
  base::RandomStream random(3, base::StreamId("log_fault_test"), 0);
  std::set<int64_t> acknowledged;
  int64_t n = 0;
  auto log = Open();
  const auto append = [&] {
    const LoggedAuction auction = AuctionOf(n);
    const absl::Status status = log->AppendAuctions({&auction, 1}).status();
    if (status.ok()) acknowledged.insert(n);
    ++n;
    return status;
  };
  const auto check = [&](bool is_open) {
    const auto contents = ContentsOf(log_);
    ASSERT_TRUE(contents.ok()) << contents.status();
    for (const int64_t i : acknowledged) {
      const auto found = contents->auctions.find(absl::StrCat("a", i));
      ASSERT_NE(found, contents->auctions.end()) << i << " of " << n;
      ASSERT_EQ(found->second, SerializeDeterministically(AuctionOf(i)));
    }
    ASSERT_EQ(ProblemsOf(log_), "") << (is_open ? "open" : "closed");
  };
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    // None sometimes, so that the first write of an empty write-ahead log is the one that fails.
    for (uint64_t i = 3 * random.Below(10); i > 0; --i) ASSERT_TRUE(append().ok());
    Fill(static_cast<int64_t>(random.Below(round % 2 == 0 ? 100'000 : 1000)));
    absl::Status status;
    for (int i = 0; i < 5000 && status.ok(); ++i) status = append();
    ASSERT_TRUE(absl::IsResourceExhausted(status)) << status;
    for (int i = 0; i < 3; ++i) {  // it stays so, and every answer says why
      status = append();
      ASSERT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
    }
    check(true);
    if (HasFatalFailure()) return;
    const absl::Status frozen = log->CreateSnapshot().status();
    ASSERT_TRUE(frozen.ok() || absl::IsResourceExhausted(frozen)) << frozen;
    switch (random.Below(3)) {
      case 0:  // the process goes while the disk is full
        log.reset();
        check(false);
        if (HasFatalFailure()) return;
        MakeSpace();
        log = Open();
        break;
      case 1:  // the power
        env_.LosePowerAfter(0);
        append().IgnoreError();
        log.reset();
        env_.Restart(random);
        check(false);
        if (HasFatalFailure()) return;
        MakeSpace();
        log = Open();
        break;
      default:
        MakeSpace();
    }
    if (random.Below(2) == 0) {  // before anything is appended
      const auto snapshot = log->CreateSnapshot();
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      ASSERT_EQ(ProblemsOf(log_, snapshot->snapshot_id()), "");
    }
    for (uint64_t i = 3 * random.Below(10); i > 0; --i) {
      status = append();
      ASSERT_TRUE(status.ok()) << status;
    }
    check(true);
    if (HasFatalFailure()) return;
  }
  log.reset();
  check(false);
  log = Open();
  log.reset();
  check(false);
}

// "": every file, so that it is mostly the write-ahead log that finds no space.
INSTANTIATE_TEST_SUITE_P(Where, FullDiskTest, testing::Values("", ".log", ".sst", "sync"), [](const auto& info) {
  return info.param.empty() ? "everywhere" : info.param == "sync" ? "sync" : info.param.substr(1);
});

// What is appended while a sync goes on goes to disk in the next one; what is refused is refused alone.
TEST_F(LogFaultTest, ThreadsShareASync) {
  auto log = Open();
  LoggedAuction first = AuctionOf(1000);
  first.mutable_auction()->set_currency_code("USD");
  ASSERT_TRUE(log->AppendAuctions({&first, 1}).ok());

  constexpr int kThreads = 48;
  constexpr int kRefused = 7;
  const int64_t before = env_.syncs();
  env_.HoldSyncs();
  std::vector<absl::StatusOr<std::vector<AppendAuctionResult>>> results(kThreads);
  std::atomic<int> started = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      std::vector<LoggedAuction> records = {AuctionOf(i)};
      if (i == kRefused) {  // a good one first, which goes with it
        records.push_back(AuctionOf(500));
        records.back().mutable_auction()->set_currency_code("EUR");
      }
      ++started;
      results[i] = log->AppendAuctions(records);
    });
  }
  for (int i = 0; i < 60'000 && (started < kThreads || env_.syncs() == before); ++i) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  absl::SleepFor(absl::Milliseconds(50));  // for the last of them to take their places; one that is late costs a sync
  env_.ReleaseSyncs();
  for (std::thread& thread : threads) thread.join();

  EXPECT_GE(env_.syncs() - before, 1);
  EXPECT_LE(env_.syncs() - before, kThreads / 4);
  std::set<uint64_t> sequences;
  for (int i = 0; i < kThreads; ++i) {
    if (i == kRefused) {
      EXPECT_EQ(base::FieldOf(results[i].status()), "currency_code");
      continue;
    }
    ASSERT_TRUE(results[i].ok()) << results[i].status();
    EXPECT_EQ(results[i]->at(0).auction_id(), absl::StrCat("a", i));
    EXPECT_EQ(results[i]->at(0).status(), AppendAuctionResult::STORED);
    sequences.insert(results[i]->at(0).sequence());
  }
  std::set<uint64_t> expected;  // all different, without a gap; 1 was the first's
  for (uint64_t s = 2; s <= kThreads; ++s) expected.insert(s);
  EXPECT_EQ(sequences, expected);
  EXPECT_EQ(ContentsOf(log_).value().auctions.size(), static_cast<size_t>(kThreads));
  EXPECT_EQ(ProblemsOf(log_), "");
}

// Many threads, one id: one of them stores it.
TEST_F(LogFaultTest, OneOfManyThreadsStoresARecord) {
  auto log = Open();
  for (int64_t n = 0; n < 20; ++n) {
    std::atomic<int> stored = 0, duplicates = 0, clicks = 0, same_clicks = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        const LoggedAuction record = AuctionOf(n);
        const Feedback report = ReportOf(n);
        const auto status = log->AppendAuctions({&record, 1}).value().at(0).status();
        ++(status == AppendAuctionResult::STORED ? stored : duplicates);
        const auto joined = log->AppendFeedback({&report, 1}).value().at(0).status();
        ++(joined == vickrey::v1::AppendFeedbackResult::STORED ? clicks : same_clicks);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(stored, 1);
    EXPECT_EQ(duplicates, 5);
    EXPECT_EQ(clicks, 1);
    EXPECT_EQ(same_clicks, 5);
  }
  EXPECT_EQ(ProblemsOf(log_), "");
}

}  // namespace
}  // namespace vickrey::log
