#include "vickrey/log/contents_testing.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/log/verify.h"

namespace vickrey::log {

using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

int64_t TimeOf(int64_t n) { return kFirstTime + n * 7919 % 1000; }

LoggedAuction AuctionOf(int64_t n) {
  base::RandomStream random(1, base::StreamId("contents_testing"), static_cast<uint64_t>(n));
  LoggedAuction record;
  record.mutable_auction()->set_auction_id(absl::StrCat("a", n));
  record.mutable_auction()->set_event_time(TimeOf(n));
  for (int64_t i = 0; i <= n % 3; ++i) {
    auto& candidate = *record.mutable_auction()->add_candidates();
    candidate.set_ad_id(absl::StrCat("x", i));
    candidate.mutable_bid()->set_micros(1 + static_cast<int64_t>(random.Below(1'000'000)));
    record.add_candidates();
  }
  record.mutable_candidates(0)->set_slot(1);
  std::string& text = *record.mutable_model();
  for (uint64_t left = random.Below(n % 4 == 0 ? 3000 : 100); left > 0; --left) {
    text.push_back(static_cast<char>(' ' + random.Below(95)));
  }
  return record;
}

Feedback ReportOf(int64_t n) {
  Feedback report;
  report.set_feedback_id(absl::StrCat("f", n));
  report.set_auction_id(absl::StrCat("a", n));
  report.set_ad_id("x0");
  report.set_kind(n % 2 == 0 ? Feedback::CLICK : Feedback::CONVERSION);
  report.set_event_time(TimeOf(n) + n % 50);
  if (n % 2 == 1) report.set_value_micros(n);
  return report;
}

int64_t NumberOf(const std::string& id) {
  int64_t n = -1;
  return absl::SimpleAtoi(id.substr(1), &n) ? n : -1;
}

absl::StatusOr<Contents> ContentsOf(const std::filesystem::path& log, const std::string& snapshot_id) {
  ASSIGN_OR_RETURN(const auto reader, LogReader::Open(log, snapshot_id));
  Contents contents;
  for (const bool join : {false, true}) {
    ASSIGN_OR_RETURN(const auto scan, reader->NewScan({.as_of = kFirstTime + 1'000'000'000, .join = join}));
    while (true) {
      LoggedAuction record;
      ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
      if (!more) break;
      auto& records = join ? contents.joined : contents.auctions;
      records[record.auction().auction_id()] = SerializeDeterministically(record);
    }
  }
  RETURN_IF_ERROR(reader->ForEachFeedback([&](const Feedback& report) {
    contents.reports[report.feedback_id()] = SerializeDeterministically(report);
    return absl::OkStatus();
  }));
  return contents;
}

std::string ProblemsOf(const std::filesystem::path& log, const std::string& snapshot_id) {
  const auto found = Verify(log, snapshot_id);
  if (!found.ok()) return found.status().ToString();
  std::string text;
  for (const auto& problem : found->problems) {
    absl::StrAppend(&text, problem.kind, " ", problem.file, ": ", problem.message, "\n");
  }
  return text;
}

TestFolder::TestFolder(const std::string& name)
    : path_(std::filesystem::path(testing::TempDir()) / absl::StrCat(name, "-", getpid())) {
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace vickrey::log
