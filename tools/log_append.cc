#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/connect.h"
#include "tools/log.h"
#include "tools/log_place.h"
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
template <typename Line, typename Record, typename Result, typename Read, typename Append>
absl::Status AppendLines(Read read, Append append) {
  base::JsonLineReader reader(&std::cin);
  std::vector<Record> batch;
  std::vector<int64_t> lines;  // of each of the batch
  // How many were answered; all of them where the status is OK.
  const auto store = [&](const std::vector<Record>& records, size_t* answered) -> absl::Status {
    std::vector<Result> results;
    const absl::Status status = append(records, &results);
    *answered = results.size();
    for (const Result& result : results) base::WriteLine(result);
    RETURN_IF_ERROR(status);
    return base::FlushLines();
  };
  const auto flush = [&]() -> absl::Status {
    if (batch.empty()) return absl::OkStatus();
    size_t answered = 0;
    absl::Status stored = store(batch, &answered);
    if (absl::IsInvalidArgument(stored) && answered > 0) {
      stored = base::AtLine(stored, lines[answered]);
    } else if (absl::IsInvalidArgument(stored)) {  // of none of them: one by one up to the one that is refused
      for (size_t i = 0; i < batch.size(); ++i) {
        stored = base::AtLine(store({batch[i]}, &answered), lines[i]);
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

absl::Status AppendAuctions(const LogPlace& place) {
  using Results = std::vector<vickrey::v1::AppendAuctionResult>;
  RETURN_IF_ERROR(place.Check());
  const auto append = [](auto to) {
    return AppendLines<AuctionLine, LoggedAuction, Results::value_type>(&log::FromLine, to);
  };
  if (!place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(place.address));
    return append([&](const std::vector<LoggedAuction>& batch, Results* results) {
      return client->AppendAuctions(batch, results);
    });
  }
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(place.db));
  return append([&](const std::vector<LoggedAuction>& batch, Results* results) -> absl::Status {
    ASSIGN_OR_RETURN(*results, log->AppendAuctions(batch));
    return absl::OkStatus();
  });
}

absl::Status AppendFeedback(const LogPlace& place) {
  using Results = std::vector<vickrey::v1::AppendFeedbackResult>;
  RETURN_IF_ERROR(place.Check());
  const auto read = [](const Feedback& line) -> absl::StatusOr<Feedback> {
    Feedback report = line;
    RETURN_IF_ERROR(log::ResolveToken(&report));
    return report;
  };
  const auto append = [&](auto to) { return AppendLines<Feedback, Feedback, Results::value_type>(read, to); };
  if (!place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(place.address));
    return append(
        [&](const std::vector<Feedback>& batch, Results* results) { return client->AppendFeedback(batch, results); });
  }
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(place.db));
  return append([&](const std::vector<Feedback>& batch, Results* results) -> absl::Status {
    ASSIGN_OR_RETURN(*results, log->AppendFeedback(batch));
    return absl::OkStatus();
  });
}

}  // namespace

void AddLogAppend(base::Tool& tool) {
  const auto to = std::make_shared<LogPlace>();  // of the one verb that runs
  CLI::App& append = tool.AddVerb(
      "append", "Store auctions: each line of stdin is answered once it is on disk",
      "vickrey market generate --scenario linear --auctions 1000 --seed 1 | vickrey log append --db /tmp/log",
      [to] { return AppendAuctions(*to); });
  to->Declare(append, "The log's folder, made if need be");
  CLI::App& feedback = tool.AddVerb(
      "feedback", "Store clicks and conversions: each line of stdin is answered once it is on disk",
      R"(echo '{"feedback_id":"f1","auction_id":"linear-1-0","ad_id":"ad3","kind":"CLICK","event_time":1704067205000000}')"
      " | vickrey log feedback --db /tmp/log",
      [to] { return AppendFeedback(*to); });
  to->Declare(feedback, "The log's folder, made if need be");
}

}  // namespace vickrey::tools
