#include <memory>
#include <string>
#include <vector>

#include "tools/log.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

constexpr size_t kBatch = 512;  // records that share a sync, at most

// Reads lines, turns each into a record by `read`, and appends them by `append`, many to a sync while more are waiting.
// At a bad line those before it are stored and answered first.
template <typename Line, typename Record, typename Read, typename Append>
absl::Status AppendLines(Read read, Append append) {
  std::vector<Record> batch;
  const auto flush = [&]() -> absl::Status {
    if (batch.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto results, append(batch));
    for (const auto& result : results) WriteLine(result);
    batch.clear();
    return FlushLines();
  };
  const absl::Status read_all = ForEachLine<Line>([&](const Line& line) -> absl::Status {
    ASSIGN_OR_RETURN(Record record, read(line));
    RETURN_IF_ERROR(log::Validate(record));
    batch.push_back(std::move(record));
    if (batch.size() < kBatch && !InputWouldWait()) return absl::OkStatus();
    return flush();
  });
  RETURN_IF_ERROR(flush());
  return read_all;
}

absl::Status AppendAuctions(const std::string& db) {
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(db));
  return AppendLines<AuctionLine, LoggedAuction>(
      &log::FromLine, [&](const std::vector<LoggedAuction>& batch) { return log->AppendAuctions(batch); });
}

absl::Status AppendFeedback(const std::string& db) {
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(db));
  return AppendLines<Feedback, Feedback>(
      [](const Feedback& line) -> absl::StatusOr<Feedback> {
        Feedback report = line;
        RETURN_IF_ERROR(log::ResolveToken(&report));
        return report;
      },
      [&](const std::vector<Feedback>& batch) { return log->AppendFeedback(batch); });
}

}  // namespace

void AddLogAppend(Tool& tool) {
  const auto db = std::make_shared<std::string>();
  CLI::App& append = tool.AddVerb(
      "append", "Store auctions: each line of stdin is answered once it is on disk",
      "vickrey market generate --scenario linear --auctions 1000 --seed 1 | vickrey log append --db /tmp/log",
      [db] { return AppendAuctions(*db); });
  append.add_option("--db", *db, "The log's folder, made if need be")->required();
  CLI::App& feedback = tool.AddVerb(
      "feedback", "Store clicks and conversions: each line of stdin is answered once it is on disk",
      R"(echo '{"feedback_id":"f1","auction_id":"linear-1-0","ad_id":"ad3","kind":"CLICK","event_time":1704067205000000}')"
      " | vickrey log feedback --db /tmp/log",
      [db] { return AppendFeedback(*db); });
  feedback.add_option("--db", *db, "The log's folder, made if need be")->required();
}

}  // namespace vickrey::tools
