#include "server/log_writer.h"

#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

constexpr size_t kMaxQueued = 16'384;
constexpr size_t kMaxQueuedBytes = size_t{256} << 20;

// Appends `records` as one batch. A record that the log refuses fails a whole batch, so then each goes alone: one
// client's mistake is not another's.
template <typename Result, typename Record, typename Append>
std::vector<absl::StatusOr<Result>> AppendEach(const std::vector<Record>& records, Append append) {
  std::vector<absl::StatusOr<Result>> results;
  auto together = append(std::span<const Record>(records));
  if (together.ok()) {
    for (Result& result : *together) results.push_back(std::move(result));
    return results;
  }
  for (const Record& record : records) {
    auto alone = records.size() == 1 ? together : append(std::span<const Record>(&record, 1));
    if (alone.ok()) {
      results.push_back(std::move(alone->front()));
    } else {
      results.push_back(alone.status());
    }
  }
  return results;
}

}  // namespace

LogWriter::LogWriter(std::unique_ptr<log::ImpressionLog> log, LogObserver* observer)
    : log_(std::move(log)), observer_(observer), thread_([this] { Run(); }) {}

LogWriter::~LogWriter() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

absl::Status LogWriter::AppendAuction(vickrey::v1::LoggedAuction record, AuctionDone done) {
  ASSIGN_OR_RETURN(auto stored, log::ImpressionLog::Prepare(record));
  const size_t bytes = 2 * stored.bytes.size();  // it waits in both forms
  return Push(AuctionJob{std::move(stored), std::move(record), std::move(done)}, bytes);
}

absl::Status LogWriter::AppendFeedback(vickrey::v1::Feedback report, FeedbackDone done) {
  const size_t bytes = report.ByteSizeLong();
  return Push(FeedbackJob{std::move(report), std::move(done)}, bytes);
}

absl::Status LogWriter::Push(Job job, size_t bytes) {
  const absl::MutexLock lock(&mu_);
  if (queue_.size() >= kMaxQueued || queued_bytes_ > kMaxQueuedBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(queue_.size(), " records wait for the log's disk; try again later"));
  }
  queued_bytes_ += bytes;
  queue_.push_back(std::move(job));
  return absl::OkStatus();
}

LogWriter::Queued LogWriter::queued() const {
  const absl::MutexLock lock(&mu_);
  return {.records = queue_.size(), .bytes = queued_bytes_};
}

void LogWriter::Run() {
  while (true) {
    std::deque<Job> jobs;
    {
      const absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopping_ || !queue_.empty(); };
      mu_.Await(absl::Condition(&ready));
      if (queue_.empty()) return;
      jobs.swap(queue_);
      queued_bytes_ = 0;
    }
    Write(std::move(jobs));
  }
}

void LogWriter::Write(std::deque<Job> jobs) {
  size_t begin = 0;
  while (begin < jobs.size()) {
    size_t end = begin + 1;
    while (end < jobs.size() && jobs[end].index() == jobs[begin].index()) ++end;
    const auto take = [&]<typename T, typename Field>(Field T::*field) {
      std::vector<Field> all;
      for (size_t i = begin; i < end; ++i) all.push_back(std::move(std::get<T>(jobs[i]).*field));
      return all;
    };
    const auto write = [&]<typename T, typename Result>(const auto& stored, const auto& seen, auto append,
                                                        auto observe) {
      const absl::Time start = absl::Now();
      auto results = AppendEach<Result>(stored, append);
      if (observer_ != nullptr) observe(seen, results, absl::Now() - start);
      for (size_t i = begin; i < end; ++i) std::get<T>(jobs[i]).done(std::move(results[i - begin]));
    };
    if (std::holds_alternative<AuctionJob>(jobs[begin])) {
      write.operator()<AuctionJob, vickrey::v1::AppendAuctionResult>(
          take(&AuctionJob::stored), take(&AuctionJob::seen),
          [this](auto records) { return log_->AppendPrepared(records); },
          [this](const auto&... seen) { observer_->OnAuctions(seen...); });
    } else {
      const auto reports = take(&FeedbackJob::report);
      write.operator()<FeedbackJob, vickrey::v1::AppendFeedbackResult>(
          reports, reports, [this](auto records) { return log_->AppendFeedback(records); },
          [this](const auto&... seen) { observer_->OnFeedback(seen...); });
    }
    begin = end;
  }
}

}  // namespace vickrey::server
