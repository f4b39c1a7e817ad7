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
// At a bad line those before it are stored and answered first, whoever finds it bad.
template <typename Line, typename Record, typename Read, typename Append>
absl::Status AppendLines(Read read, Append append) {
  base::JsonLineReader reader(&std::cin);
  std::vector<Record> batch;
  std::vector<int64_t> lines;  // of each of the batch
  const auto store = [&](const std::vector<Record>& records) -> absl::Status {
    ASSIGN_OR_RETURN(const auto results, append(records));
    for (const auto& result : results) base::WriteLine(result);
    return base::FlushLines();
  };
  const auto flush = [&]() -> absl::Status {
    if (batch.empty()) return absl::OkStatus();
    absl::Status stored = store(batch);
    if (absl::IsInvalidArgument(stored)) {  // of none of them: one by one up to the one that is refused
      for (size_t i = 0; i < batch.size(); ++i) {
        stored = base::AtLine(store({batch[i]}), lines[i]);
        if (!stored.ok()) break;
      }
    }
    batch.clear();
    lines.clear();
    return stored;
  };
  Line line;
  while (true) {
    const auto more = reader.Next(&line);
    if (more.ok() && !*more) return flush();
    absl::Status status = more.status();
    if (status.ok()) {
      auto record = read(line);
      status = record.ok() ? log::Validate(*record) : record.status();
      if (status.ok()) {
        batch.push_back(*std::move(record));
        lines.push_back(reader.line());
      }
    }
    if (!status.ok() || batch.size() == kBatch || base::InputWouldWait()) RETURN_IF_ERROR(flush());
    RETURN_IF_ERROR(base::AtLine(status, reader.line()));
  }
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

void AddLogAppend(base::Tool& tool) {
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
