// A log against a model of it: maps, and the rules of the headers once more, without keys, batches or joins of two
// passes.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

bool Has(const LoggedAuction& record, const std::string& ad) {
  const auto& candidates = record.auction().candidates();
  return std::any_of(candidates.begin(), candidates.end(), [&](const auto& c) { return c.ad_id() == ad; });
}

// What a log holds.
class Model {
 public:
  struct Entry {
    LoggedAuction record;
    uint64_t sequence = 0;
    std::map<std::string, Feedback> reports;  // by id
  };

  // As ImpressionLog: the answers, or the field at fault and nothing changed.
  struct Appended {
    std::vector<std::pair<int, uint64_t>> answers;  // status, sequence
    std::optional<std::string> field;
  };
  Appended Append(const std::vector<LoggedAuction>& records) {
    const Model before = *this;
    Appended appended;
    for (const LoggedAuction& record : records) {
      const std::string& id = record.auction().auction_id();
      const std::string& currency = record.auction().currency_code();
      if (!currency.empty() && !currency_.empty() && currency != currency_) {
        *this = before;
        return {.field = "currency_code"};
      }
      if (const auto known = auctions_.find(id); known != auctions_.end()) {
        const bool same = known->second.record.SerializeAsString() == record.SerializeAsString();
        appended.answers.emplace_back(same ? AppendAuctionResult::DUPLICATE : AppendAuctionResult::CONFLICT,
                                      same ? known->second.sequence : 0);
        continue;
      }
      if (!currency.empty()) currency_ = currency;
      Entry& entry = auctions_[id] = {.record = record, .sequence = ++last_sequence_};
      auto& waiting = orphans_[id];
      for (auto it = waiting.begin(); it != waiting.end();) {
        if (Has(record, it->second.ad_id())) {
          entry.reports.insert(*it);
          it = waiting.erase(it);
        } else {
          ++it;
        }
      }
      appended.answers.emplace_back(AppendAuctionResult::STORED, entry.sequence);
    }
    return appended;
  }
  Appended Append(const std::vector<Feedback>& reports) {
    const Model before = *this;
    Appended appended;
    for (const Feedback& report : reports) {
      const auto known = auctions_.find(report.auction_id());
      if (known != auctions_.end() && !Has(known->second.record, report.ad_id())) {
        *this = before;
        return {.field = "ad_id"};
      }
      auto& reports_of_it = known != auctions_.end() ? known->second.reports : orphans_[report.auction_id()];
      const auto [at, is_new] = reports_of_it.emplace(report.feedback_id(), report);
      const bool same = at->second.SerializeAsString() == report.SerializeAsString();
      appended.answers.emplace_back(
          is_new ? known != auctions_.end() ? AppendFeedbackResult::STORED : AppendFeedbackResult::ORPHAN
          : same ? AppendFeedbackResult::DUPLICATE
                 : AppendFeedbackResult::CONFLICT,
          0);
    }
    return appended;
  }

  ImpressionLog::Pruned Prune(int64_t before) {
    ImpressionLog::Pruned pruned;
    for (auto it = auctions_.begin(); it != auctions_.end();) {
      if (it->second.record.auction().event_time() < before) {
        ++pruned.auctions;
        pruned.feedback += static_cast<int64_t>(it->second.reports.size());
        it = auctions_.erase(it);
      } else {
        ++it;
      }
    }
    for (auto& [auction, reports] : orphans_) {
      pruned.orphans += static_cast<int64_t>(
          std::erase_if(reports, [&](const auto& report) { return report.second.event_time() < before; }));
    }
    return pruned;
  }

  // What a scan delivers, behind the auction `last` if that is given.
  std::vector<LoggedAuction> Scan(const LogReader::ScanOptions& options, int64_t as_of,
                                  const LoggedAuction* last = nullptr) const {
    std::map<std::pair<int64_t, std::string>, const Entry*> in_order;
    for (const auto& [id, entry] : auctions_) in_order[{entry.record.auction().event_time(), id}] = &entry;
    std::vector<LoggedAuction> records;
    for (const auto& [key, entry] : in_order) {
      if (key.first < options.from || key.first >= options.to) continue;
      if (last != nullptr && key <= std::pair(last->auction().event_time(), last->auction().auction_id())) continue;
      records.push_back(entry->record);
      if (options.join) Join(*entry, as_of, as_of - absl::ToInt64Microseconds(options.label_window), &records.back());
    }
    return records;
  }

  std::vector<std::string> Reports() const {
    std::vector<std::string> reports;
    for (const auto& [id, entry] : auctions_) {
      for (const auto& [feedback_id, report] : entry.reports) reports.push_back(report.SerializeAsString());
    }
    for (const auto& [id, waiting] : orphans_) {
      for (const auto& [feedback_id, report] : waiting) reports.push_back(report.SerializeAsString());
    }
    std::sort(reports.begin(), reports.end());
    return reports;
  }
  int64_t orphans() const {
    int64_t n = 0;
    for (const auto& [id, waiting] : orphans_) n += static_cast<int64_t>(waiting.size());
    return n;
  }

  // What snapshots of the same id have in common.
  std::string Identity() const {
    std::string text = absl::StrCat(Reports().size(), "\n");
    for (const auto& [id, entry] : auctions_) {
      absl::StrAppend(&text, entry.record.SerializeAsString());
      for (const auto& [feedback_id, report] : entry.reports) absl::StrAppend(&text, report.SerializeAsString());
    }
    return text;
  }

 private:
  static void Join(const Entry& entry, int64_t as_of, int64_t mature_until, LoggedAuction* record) {
    while (record->candidates_size() < record->auction().candidates_size()) record->add_candidates();
    for (const auto& [id, report] : entry.reports) {
      if (report.event_time() > as_of) continue;
      // On the place where the ad was shown, else its first.
      int at = -1;
      for (int i = record->candidates_size(); i-- > 0;) {
        if (record->auction().candidates(i).ad_id() == report.ad_id()) at = i;
      }
      for (int i = record->candidates_size(); i-- > 0;) {
        if (record->auction().candidates(i).ad_id() == report.ad_id() && record->candidates(i).slot() > 0) at = i;
      }
      auto& candidate = *record->mutable_candidates(at);
      if (report.kind() == Feedback::CLICK) {
        candidate.set_click(true);
      } else {
        candidate.set_conversions(candidate.conversions() + 1);
        if (report.has_value_micros()) {
          const int64_t sum = candidate.conversion_value_micros() + report.value_micros();
          candidate.set_conversion_value_micros(std::min(sum, kMaxMicros));
        }
      }
    }
    for (auto& candidate : *record->mutable_candidates()) {
      const bool is_no_click = candidate.slot() > 0 && !candidate.has_click();
      if (is_no_click && record->auction().event_time() <= mature_until) candidate.set_click(false);
    }
  }

  std::map<std::string, Entry> auctions_;                           // by id
  std::map<std::string, std::map<std::string, Feedback>> orphans_;  // by auction and id
  std::string currency_;
  uint64_t last_sequence_ = 0;
};

struct OptionSet {
  const char* name;
  LogOptions options;
};

constexpr size_t kKib = 1024;
constexpr auto kNone = LogOptions::Compression::kNone, kZstd = LogOptions::Compression::kZstd;
const OptionSet kOptionSets[] = {
    {"Default", {}},
    {"TinyBuffers", {.compression = kZstd, .write_buffer_bytes = 64 * kKib}},
    {"TinyBuffersUncompressed", {.compression = kNone, .write_buffer_bytes = 64 * kKib}},
    {"TinyBuffersAndCache", {.compression = kNone, .write_buffer_bytes = 64 * kKib, .block_cache_bytes = 4 * kKib}},
    {"NoCache", {.compression = kZstd, .write_buffer_bytes = 100 * kKib, .block_cache_bytes = 0}},
    {"SmallBuffers", {.compression = kZstd, .write_buffer_bytes = 256 * kKib, .block_cache_bytes = 64 * kKib}},
};

bool Slow() { return std::getenv("VICKREY_SLOW_TESTS") != nullptr; }

class LogModelTest : public testing::TestWithParam<std::tuple<size_t, int>> {
 protected:
  LogModelTest()
      : folder_("log_model_test"),
        path_(folder_.path() / "log"),
        env_(folder_.path() / "saved"),
        random_(static_cast<uint64_t>(std::get<1>(GetParam())), base::StreamId("log_model_test"),
                std::get<0>(GetParam())) {}

  int64_t Below(int64_t n) { return static_cast<int64_t>(random_.Below(static_cast<uint64_t>(n))); }

  // Opens with this test's options or, once in a while, others; what is on disk is the same.
  void Open() {
    log_.reset();
    env_.Restart(random_);  // all was acknowledged: losing the power loses nothing
    const size_t set = Below(4) == 0 ? random_.Below(std::size(kOptionSets)) : std::get<0>(GetParam());
    LogOptions options = kOptionSets[set].options;
    options.env = env_.env();
    log_ = ImpressionLog::Open(path_, true, options).value();
  }

  // One of few, so that the same ones come again, changed or not.
  LoggedAuction AnAuction() {
    const int64_t n = Below(50), variant = Below(5) == 0 ? 1 + Below(3) : 0;
    base::RandomStream random(9, base::StreamId("log_model_test"), static_cast<uint64_t>(n * 10 + variant));
    LoggedAuction record;
    auto& auction = *record.mutable_auction();
    auction.set_auction_id(absl::StrCat("a", n % 7 == 0 ? "" : "b", n));  // some begin with others
    auction.set_event_time(kFirstTime + static_cast<int64_t>(random.Below(30)) * 1000);
    if (Below(200) == 0) auction.set_currency_code(Below(2) == 0 ? "EUR" : "USD");
    const uint64_t ads = 1 + random.Below(4);
    const bool is_logged = random.Below(5) != 0;
    for (uint64_t i = 0; i < ads; ++i) {
      auto& candidate = *auction.add_candidates();
      candidate.set_ad_id(absl::StrCat("x", random.Below(4)));  // one may be there twice
      candidate.mutable_bid()->set_micros(1 + static_cast<int64_t>(random.Below(1000)));
      if (!is_logged) continue;
      auto& logged = *record.add_candidates();
      if (random.Below(2) == 0) logged.set_slot(static_cast<int>(random.Below(3)));
      if (random.Below(6) == 0) logged.set_click(random.Below(2) == 0);
      if (random.Below(6) == 0) logged.set_conversions(static_cast<int64_t>(random.Below(3)));
      if (random.Below(6) == 0) logged.set_conversion_value_micros(static_cast<int64_t>(random.Below(100)));
    }
    for (uint64_t left = random.Below(n % 3 == 0 ? 4000 : 50); left > 0; --left) {
      record.mutable_model()->push_back(static_cast<char>(' ' + random.Below(95)));
    }
    return record;
  }

  // On an auction that is there, will be, or never; before, soon after or long after it.
  Feedback AReport() {
    const int64_t n = Below(55);
    Feedback report;
    report.set_feedback_id(absl::StrCat("f", Below(5)));
    report.set_auction_id(absl::StrCat("a", n % 7 == 0 ? "" : "b", n));
    report.set_ad_id(absl::StrCat("x", Below(4)));
    report.set_kind(Below(2) == 0 ? Feedback::CLICK : Feedback::CONVERSION);
    report.set_event_time(kFirstTime + (Below(4) == 0 ? Below(100'000'000) : Below(40) * 1000 - 5000));
    if (report.kind() == Feedback::CONVERSION && Below(3) > 0) {
      report.set_value_micros(Below(20) == 0 ? kMaxMicros : Below(1000));
    }
    return report;
  }

  void AppendAuctions() {
    std::vector<LoggedAuction> records;
    for (int64_t i = Below(5); i > 0; --i) records.push_back(AnAuction());
    Compare(model_.Append(records), log_->AppendAuctions(records),
            [](const AppendAuctionResult& r) { return std::pair<int, uint64_t>(r.status(), r.sequence()); });
  }

  void AppendFeedback() {
    std::vector<Feedback> reports, as_sent;
    for (int64_t i = Below(4); i > 0; --i) {
      reports.push_back(AReport());
      as_sent.push_back(reports.back());
      if (Below(4) != 0) continue;
      as_sent.back().clear_ad_id();
      as_sent.back().set_impression_token(
          MakeImpressionToken(reports.back().auction_id(), reports.back().ad_id(), 1, kFirstTime));
    }
    Compare(model_.Append(reports), log_->AppendFeedback(as_sent),
            [](const AppendFeedbackResult& r) { return std::pair<int, uint64_t>(r.status(), 0); });
  }

  template <typename Result, typename Answer>
  void Compare(const Model::Appended& expected, const absl::StatusOr<std::vector<Result>>& results, Answer answer) {
    if (expected.field.has_value()) {
      ASSERT_EQ(base::FieldOf(results.status()), *expected.field) << results.status();
      return;
    }
    ASSERT_TRUE(results.ok()) << results.status();
    std::vector<std::pair<int, uint64_t>> answers;
    for (const Result& result : *results) answers.push_back(answer(result));
    ASSERT_EQ(answers, expected.answers);
  }

  void Prune() {
    const int64_t before = kFirstTime + Below(12) * 1000;
    const auto expected = model_.Prune(before);
    const auto pruned = log_->Prune(before);
    ASSERT_TRUE(pruned.ok()) << pruned.status();
    ASSERT_EQ(pruned->auctions, expected.auctions);
    ASSERT_EQ(pruned->feedback, expected.feedback);
    ASSERT_EQ(pruned->orphans, expected.orphans);
  }

  struct Snapshot {
    int64_t created_time = 0;
    Model model;
  };

  void CreateSnapshot() {
    const auto snapshot = log_->CreateSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    for (const auto& [id, other] : snapshots_) {
      ASSERT_EQ(id == snapshot->snapshot_id(), other.model.Identity() == model_.Identity());
    }
    const auto [at, is_new] =
        snapshots_.try_emplace(snapshot->snapshot_id(), Snapshot{snapshot->created_time(), model_});
    ASSERT_EQ(at->second.created_time, snapshot->created_time());
  }

  std::vector<std::pair<int64_t, std::string>> SnapshotsInOrder() const {
    std::vector<std::pair<int64_t, std::string>> all;
    for (const auto& [id, snapshot] : snapshots_) all.emplace_back(snapshot.created_time, id);
    std::sort(all.begin(), all.end());
    return all;
  }

  void DropSnapshots() {
    const auto all = SnapshotsInOrder();
    const auto listed = ListSnapshots(path_);
    ASSERT_TRUE(listed.ok()) << listed.status();
    ASSERT_EQ(listed->size(), all.size());
    for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(listed->at(i).snapshot_id(), all[i].second);
    if (all.empty()) return;
    const auto& [time, id] = all[random_.Below(all.size())];
    if (Below(2) == 0) {
      ASSERT_TRUE(DeleteSnapshot(path_, id).ok());
      ASSERT_TRUE(absl::IsNotFound(DeleteSnapshot(path_, id)));
      snapshots_.erase(id);
      return;
    }
    const int keep = static_cast<int>(Below(3));
    const auto deleted = PruneSnapshots(path_, time, keep);  // those before it
    ASSERT_TRUE(deleted.ok()) << deleted.status();
    std::set<std::string> expected, found;
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].first < time && all.size() - i > static_cast<size_t>(keep)) expected.insert(all[i].second);
    }
    for (const auto& snapshot : *deleted) found.insert(snapshot.snapshot_id());
    ASSERT_EQ(found, expected);
    for (const std::string& gone : expected) snapshots_.erase(gone);
  }

  // Reads the log or a snapshot, all of it and a part.
  void Read() {
    std::string id;
    const Model* model = &model_;
    if (!snapshots_.empty() && Below(2) == 0) {
      const auto at = std::next(snapshots_.begin(), Below(static_cast<int64_t>(snapshots_.size())));
      id = at->first;
      model = &at->second.model;
    }
    const auto reader = LogReader::Open(path_, id);
    ASSERT_TRUE(reader.ok()) << reader.status();
    // Default: a time long after all that this test makes up.
    constexpr int64_t kToday = kFirstTime + 10'000'000'000'000;
    LogReader::ScanOptions part{.from = kFirstTime + Below(20) * 1000, .to = kFirstTime + Below(40) * 1000};
    part.label_window = absl::Microseconds(Below(20) * 1000);
    if (Below(2) == 0) part.as_of = kFirstTime + Below(60) * 1000;
    part.join = Below(5) > 0;
    for (const LogReader::ScanOptions& options : {LogReader::ScanOptions{}, part}) {
      const int64_t as_of = options.as_of.value_or(kToday);
      CompareScan(**reader, options, model->Scan(options, as_of));
      if (HasFatalFailure()) return;
      const auto expected = model->Scan(options, as_of);
      if (expected.empty()) continue;
      // Stops somewhere, and goes on from there.
      const size_t stop = random_.Below(expected.size());
      auto scan = (*reader)->NewScan(options);
      ASSERT_TRUE(scan.ok()) << scan.status();
      LoggedAuction record;
      for (size_t i = 0; i <= stop; ++i) ASSERT_TRUE((*scan)->Next(&record).value_or(false));
      LogReader::ScanOptions rest = options;
      rest.cursor = (*scan)->cursor();
      CompareScan(**reader, rest, model->Scan(options, as_of, &record));
      if (HasFatalFailure()) return;
    }
    std::vector<std::string> reports;
    ASSERT_TRUE((*reader)
                    ->ForEachFeedback([&](const Feedback& report) {
                      reports.push_back(report.SerializeAsString());
                      return absl::OkStatus();
                    })
                    .ok());
    std::sort(reports.begin(), reports.end());
    // Of snapshots that are alike but for orphans the first stays.
    ASSERT_TRUE(!id.empty() || reports == model->Reports());
    CompareStats(**reader, *model, kToday);
  }

  void CompareScan(const LogReader& reader, const LogReader::ScanOptions& options,
                   const std::vector<LoggedAuction>& expected) {
    const auto scan = reader.NewScan(options);
    ASSERT_TRUE(scan.ok()) << scan.status();
    LoggedAuction record;
    for (const LoggedAuction& wanted : expected) {
      const auto more = (*scan)->Next(&record);
      ASSERT_TRUE(more.ok()) << more.status();
      ASSERT_TRUE(*more) << wanted.auction().auction_id();
      ASSERT_EQ(record.DebugString(), wanted.DebugString());
    }
    ASSERT_FALSE((*scan)->Next(&record).value_or(true));
  }

  void CompareStats(const LogReader& reader, const Model& model, int64_t today) {
    const auto stats = reader.Stats();
    ASSERT_TRUE(stats.ok()) << stats.status();
    LogStats expected;
    for (const LoggedAuction& record : model.Scan({}, today)) {
      ++expected.auctions;
      expected.candidates += record.auction().candidates_size();
      for (const auto& candidate : record.candidates()) {
        expected.clicks += candidate.click();
        expected.labelled += candidate.has_click();
        expected.conversions += candidate.conversions();
        expected.conversion_value_micros += candidate.conversion_value_micros();
      }
      expected.from = std::min(expected.from.value_or(today), record.auction().event_time());
      expected.to = std::max(expected.to.value_or(0), record.auction().event_time());
    }
    EXPECT_EQ(stats->auctions, expected.auctions);
    EXPECT_EQ(stats->candidates, expected.candidates);
    EXPECT_EQ(stats->clicks, expected.clicks);
    EXPECT_EQ(stats->labelled, expected.labelled);
    EXPECT_EQ(stats->conversions, expected.conversions);
    EXPECT_EQ(stats->conversion_value_micros, expected.conversion_value_micros);
    EXPECT_EQ(stats->from, expected.from);
    EXPECT_EQ(stats->to, expected.to);
    EXPECT_EQ(stats->feedback, static_cast<int64_t>(model.Reports().size()));
    EXPECT_EQ(stats->orphans, model.orphans());
  }

  const TestFolder folder_;
  const fs::path path_;
  FaultyEnv env_;
  base::RandomStream random_;
  std::unique_ptr<ImpressionLog> log_;
  Model model_;
  std::map<std::string, Snapshot> snapshots_;  // by id
};

TEST_P(LogModelTest, Agrees) {
  Open();
  const int steps = Slow() ? 800 : 400;
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const int64_t dice = Below(100);
    if (dice < 45) {
      AppendAuctions();
    } else if (dice < 80) {
      AppendFeedback();
    } else if (dice < 90) {
      Read();
    } else if (dice < 93) {
      CreateSnapshot();
    } else if (dice < 95) {
      DropSnapshots();
    } else if (dice < 97) {
      Prune();
    } else if (dice < 99) {
      Open();
    } else {
      ASSERT_EQ(ProblemsOf(path_), "");
    }
    if (HasFailure()) return;
  }
  Read();
  log_.reset();
  Read();
  ASSERT_EQ(ProblemsOf(path_), "");
  for (const auto& [id, snapshot] : snapshots_) ASSERT_EQ(ProblemsOf(path_, id), "") << id;
}

INSTANTIATE_TEST_SUITE_P(Options, LogModelTest,
                         testing::Combine(testing::Range<size_t>(0, std::size(kOptionSets)),
                                          testing::Range(0, Slow() ? 3 : 1)),
                         [](const auto& info) {
                           return absl::StrCat(kOptionSets[std::get<0>(info.param)].name, std::get<1>(info.param));
                         });

}  // namespace
}  // namespace vickrey::log
