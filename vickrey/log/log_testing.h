// A log in a folder of its own, and small records for it.
#ifndef VICKREY_LOG_LOG_TESTING_H_
#define VICKREY_LOG_LOG_TESTING_H_

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/flat_batch.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/reader.h"

namespace vickrey::log {

inline constexpr int64_t kStart = 1704067200000000;

// With the ads "x" in a slot and "y".
inline vickrey::v1::LoggedAuction Auction(const std::string& id, int64_t time = kStart, int slot_of_first = 1) {
  vickrey::v1::LoggedAuction record;
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

inline vickrey::v1::Feedback Click(const std::string& id, const std::string& auction, const std::string& ad) {
  vickrey::v1::Feedback feedback;
  feedback.set_feedback_id(id);
  feedback.set_auction_id(auction);
  feedback.set_ad_id(ad);
  feedback.set_kind(vickrey::v1::Feedback::CLICK);
  feedback.set_event_time(kStart + 5);
  return feedback;
}

// What a test writes into the log, or reads of it.
class LogTest : public testing::Test {
 protected:
  LogTest() : folder_(std::filesystem::path(testing::TempDir()) / absl::StrCat("log_test-", getpid())) {
    std::filesystem::remove_all(folder_);
  }
  ~LogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ImpressionLog> Open() const { return ImpressionLog::Open(folder_).value(); }

  vickrey::v1::AppendAuctionResult::Status Append(ImpressionLog& log, const vickrey::v1::LoggedAuction& record) const {
    return log.AppendAuctions({&record, 1}).value().at(0).status();
  }
  vickrey::v1::AppendFeedbackResult::Status Append(ImpressionLog& log, const vickrey::v1::Feedback& report) const {
    return log.AppendFeedback({&report, 1}).value().at(0).status();
  }

  std::vector<vickrey::v1::LoggedAuction> Read(const LogReader::ScanOptions& options = {},
                                               const std::string& snapshot = "") const {
    const auto reader = LogReader::Open(folder_, snapshot).value();
    const auto scan = reader->NewScan(options).value();
    std::vector<vickrey::v1::LoggedAuction> records;
    for (vickrey::v1::LoggedAuction record; scan->Next(&record).value();) records.push_back(record);
    ExpectFlatIsAlike(*reader, options, records);
    return records;
  }

  // The pass into flat arrays finds the same auctions, and joins them with the same clicks.
  static void ExpectFlatIsAlike(const LogReader& reader, const LogReader::ScanOptions& options,
                                const std::vector<vickrey::v1::LoggedAuction>& records) {
    vickrey::v1::FeatureSchema schema;
    schema.add_fields()->set_name("x");
    schema.mutable_fields(0)->set_side(vickrey::v1::FeatureField::AD);
    schema.mutable_fields(0)->set_kind(vickrey::v1::FeatureField::DENSE);
    const auto scan = reader.NewFlatScan(options, features::Schema::Create(schema).value()).value();
    size_t a = 0;
    for (FlatBatch batch; scan->Next(2, &batch).value();) {
      for (int64_t i = 0; i < batch.auctions(); ++i, ++a) {
        ASSERT_LT(a, records.size());
        ASSERT_EQ(batch.id(i), records[a].auction().auction_id());
        int64_t k = batch.offsets[i];
        for (const auto& candidate : records[a].candidates()) {
          EXPECT_EQ(batch.clicks[k++], candidate.has_click() ? int{candidate.click()} : -1) << batch.id(i);
        }
      }
    }
    EXPECT_EQ(a, records.size());
  }

  std::vector<std::string> Ids(const LogReader::ScanOptions& options = {}, const std::string& snapshot = "") const {
    std::vector<std::string> ids;
    for (const auto& record : Read(options, snapshot)) ids.push_back(record.auction().auction_id());
    return ids;
  }

  const std::filesystem::path folder_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_LOG_TESTING_H_
