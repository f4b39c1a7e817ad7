// Reading the log: on threads of its own, no faster than the caller takes it.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/services.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"

namespace vickrey::server {
namespace {

using log::LogReader;
using vickrey::v1::ReadAuctionsRequest;
using vickrey::v1::ReadAuctionsResponse;

const Method kReadAuctions = {.name = "ImpressionLogService.ReadAuctions", .role = Role::kRead, .stream = true};
const Method kGetLogStats = {.name = "ImpressionLogService.GetLogStats", .role = Role::kRead};

constexpr int64_t kMaxWindowSeconds = int64_t{100} * 366 * 86'400;

absl::Status NoLog() { return absl::FailedPreconditionError("this server was started without a log"); }

absl::Status IdleFor(absl::Duration idle) {
  return absl::DeadlineExceededError(absl::StrCat("the caller took nothing for ", absl::FormatDuration(idle),
                                                  ", as long as this server waits; read on from the last cursor"));
}

absl::StatusOr<std::unique_ptr<LogReader>> ReaderOf(LogWriter* log, const std::string& snapshot_id) {
  if (snapshot_id.empty()) return log->log().NewReader();
  auto reader = LogReader::Open(log->log().path(), snapshot_id);
  if (absl::IsNotFound(reader.status())) return base::Annotate(reader.status(), "snapshot_id");
  return reader;
}

absl::Status CheckNotNegative(std::string_view field, int64_t value) {
  if (value >= 0) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(value, " is out of range; 0 or more is allowed"));
}

absl::StatusOr<LogReader::ScanOptions> OptionsOf(const ReadAuctionsRequest& request) {
  RETURN_IF_ERROR(CheckNotNegative("from", request.from()));
  RETURN_IF_ERROR(CheckNotNegative("to", request.to()));
  RETURN_IF_ERROR(CheckNotNegative("as_of", request.as_of()));
  RETURN_IF_ERROR(CheckNotNegative("limit", request.limit()));
  LogReader::ScanOptions options;
  options.from = request.from();
  if (request.has_to()) options.to = request.to();
  if (request.has_as_of()) options.as_of = request.as_of();
  if (request.has_label_window()) {
    const auto& window = request.label_window();
    if (window.seconds() < 0 || window.seconds() > kMaxWindowSeconds || window.nanos() < 0 ||
        window.nanos() > 999'999'999) {
      return base::InvalidField("label_window", absl::StrCat(window.seconds(), " s and ", window.nanos(),
                                                             " ns are out of range; 0 to 100 years are allowed"));
    }
    options.label_window = absl::Seconds(window.seconds()) + absl::Nanoseconds(window.nanos());
  }
  options.cursor = request.cursor();
  return options;
}

// One read; it deletes itself when gRPC is done with it. One auction is on its way to the caller, and one is ready to
// follow.
class ReadStream final : public grpc::ServerWriteReactor<ReadAuctionsResponse> {
 public:
  ReadStream(Gate* gate, grpc::CallbackServerContext* context, const ReadAuctionsRequest& request, LogWriter* log,
             absl::Duration idle, ReadPool* pool)
      : context_(*context), call_(gate, context, kReadAuctions), request_(request), log_(log), idle_(idle) {
    if (const absl::Status status = Begin(pool); !status.ok()) Finish(call_.End(status));
  }

  void OnWriteDone(bool ok) override {
    const absl::MutexLock lock(&mu_);
    writing_ = false;
    if (!ok) gone_ = true;
  }

  void OnCancel() override {
    const absl::MutexLock lock(&mu_);
    gone_ = true;
  }

  void OnDone() override { delete this; }

 private:
  absl::Status Begin(ReadPool* pool) {
    RETURN_IF_ERROR(call_.admission());
    if (log_ == nullptr) return NoLog();
    ASSIGN_OR_RETURN(options_, OptionsOf(request_));
    return pool->Run(
        [this] {
          absl::Status status = Read();
          const absl::Status sent = WaitForWrite();  // gRPC wants nothing under way when a call is finished
          return status.ok() ? sent : status;
        },
        [this](const absl::Status& status) { Finish(call_.End(status)); });
  }

  // On a thread of the pool.
  absl::Status Read() {
    RETURN_IF_ERROR(call_.CheckWanted());
    ASSIGN_OR_RETURN(const auto reader, ReaderOf(log_, request_.snapshot_id()));
    ASSIGN_OR_RETURN(const auto scan, reader->NewScan(options_));
    for (int64_t i = 0; request_.limit() == 0 || i < request_.limit(); ++i) {
      ReadAuctionsResponse& next = responses_[i % 2];
      ASSIGN_OR_RETURN(const bool more, scan->Next(next.mutable_record()));
      if (!more) break;
      next.set_cursor(scan->cursor());
      RETURN_IF_ERROR(WaitForWrite());
      RETURN_IF_ERROR(call_.CheckWanted());
      {
        const absl::MutexLock lock(&mu_);
        writing_ = true;
      }
      StartWrite(&next);
    }
    return absl::OkStatus();
  }

  // Until nothing is on its way. A caller that has gone makes gRPC give up what is; one whose deadline passed, or who
  // takes nothing of it, is let go: it holds a place that others may want.
  absl::Status WaitForWrite() {
    const absl::MutexLock lock(&mu_);
    const auto written = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !writing_; };
    const absl::Time deadline = absl::FromChrono(context_.deadline()), idle = absl::Now() + idle_;
    if (!mu_.AwaitWithDeadline(absl::Condition(&written), std::min(deadline, idle))) {
      const bool is_idle = idle < deadline && !gone_;
      context_.TryCancel();
      mu_.Await(absl::Condition(&written));
      if (is_idle) return IdleFor(idle_);
    }
    if (gone_) return absl::CancelledError("the caller has gone");
    return absl::OkStatus();
  }

  grpc::CallbackServerContext& context_;
  Call call_;
  const ReadAuctionsRequest request_;
  LogWriter* const log_;
  const absl::Duration idle_;
  LogReader::ScanOptions options_;
  ReadAuctionsResponse responses_[2];

  absl::Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace

grpc::ServerWriteReactor<ReadAuctionsResponse>* ImpressionLogService::ReadAuctions(grpc::CallbackServerContext* context,
                                                                                   const ReadAuctionsRequest* request) {
  return new ReadStream(&gate_, context, *request, log_, idle_, &reads_);
}

grpc::ServerUnaryReactor* ImpressionLogService::GetLogStats(grpc::CallbackServerContext* context,
                                                            const vickrey::v1::GetLogStatsRequest* request,
                                                            vickrey::v1::GetLogStatsResponse* response) {
  auto* reactor = context->DefaultReactor();
  const auto call = std::make_shared<Call>(&gate_, context, kGetLogStats);
  absl::Status status = call->admission();
  if (status.ok() && log_ == nullptr) status = NoLog();
  if (status.ok()) {
    status = reads_.Run(
        [this, call, request, response]() -> absl::Status {
          const auto check = [&call] { return call->CheckWanted(); };
          RETURN_IF_ERROR(check());
          ASSIGN_OR_RETURN(const auto reader, ReaderOf(log_, request->snapshot_id()));
          ASSIGN_OR_RETURN(const log::LogStats stats, reader->Stats(check));
          *response->mutable_stats() = log::ToLine(stats);
          return absl::OkStatus();
        },
        [reactor, call](const absl::Status& result) { reactor->Finish(call->End(result)); });
  }
  if (!status.ok()) reactor->Finish(call->End(status));
  return reactor;
}

}  // namespace vickrey::server
