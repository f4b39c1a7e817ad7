// The streams into the log. Each reads on while earlier records are being written, answers in order once they are on
// disk, and ends after all that it read is answered for.
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/services.h"
#include "vickrey/base/status.h"
#include "vickrey/log/record.h"

namespace vickrey::server {
namespace {

constexpr int kWindow = 256;  // records of a stream that may wait for the disk or for their answer to be sent

// What the two streams differ in.
struct Auctions {
  using Request = vickrey::v1::AppendAuctionsRequest;
  using Response = vickrey::v1::AppendAuctionsResponse;
  using Result = vickrey::v1::AppendAuctionResult;
  static constexpr Method kMethod = {
      .name = "ImpressionLogService.AppendAuctions", .role = Role::kWriteLog, .stream = true};
  static absl::Status Append(Request request, LogWriter* log, LogWriter::AuctionDone done) {
    const absl::Status status = log->AppendAuction(std::move(*request.mutable_record()), std::move(done));
    return absl::IsInvalidArgument(status) ? base::Annotate(status, "record") : status;
  }
};

struct Reports {
  using Request = vickrey::v1::AppendFeedbackRequest;
  using Response = vickrey::v1::AppendFeedbackResponse;
  using Result = vickrey::v1::AppendFeedbackResult;
  static constexpr Method kMethod = {
      .name = "ImpressionLogService.AppendFeedback", .role = Role::kWriteLog, .stream = true};
  static absl::Status Append(Request request, LogWriter* log, LogWriter::FeedbackDone done) {
    vickrey::v1::Feedback feedback = request.feedback();
    RETURN_IF_ERROR(base::Annotate(log::ResolveToken(&feedback), "feedback"));
    RETURN_IF_ERROR(base::Annotate(log::Validate(feedback), "feedback"));
    return log->AppendFeedback(std::move(*request.mutable_feedback()), std::move(done));
  }
};

// One stream; it deletes itself when gRPC is done with it.
template <typename Kind>
class AppendStream final : public grpc::ServerBidiReactor<typename Kind::Request, typename Kind::Response> {
 public:
  AppendStream(Gate* gate, grpc::CallbackServerContext* context, LogWriter* log)
      : log_(log), call_(gate, context, Kind::kMethod) {
    absl::Status status = call_.admission();
    if (status.ok() && log_ == nullptr) {
      status = absl::FailedPreconditionError("this server was started without a log");
    }
    if (!status.ok()) {
      this->Finish(call_.End(status));
      return;
    }
    this->StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    absl::Status status;
    if (ok) {
      {
        const absl::MutexLock lock(&mu_);
        ++waiting_;
      }
      status = Kind::Append(std::move(request_), log_, [this](auto result) { OnAppended(std::move(result)); });
    }
    Actions actions;
    {
      const absl::MutexLock lock(&mu_);
      if (!status.ok()) --waiting_;
      if (!status.ok()) Fail(base::Annotate(status, absl::StrCat("record ", read_, " of the stream")));
      read_ += ok && status.ok();
      reading_ = false;
      ended_ = !ok;
      actions = Next();
    }
    Perform(this, actions);
  }

  void OnWriteDone(bool ok) override {
    Actions actions;
    {
      const absl::MutexLock lock(&mu_);
      writing_ = false;
      if (!ok) gone_ = true;  // nobody reads the answers; what was read is stored all the same
      actions = Next();
    }
    Perform(this, actions);
  }

  void OnDone() override { delete this; }

 private:
  // What is to be done once the lock is released.
  struct Actions {
    bool read = false, write = false, finish = false;
    absl::Status status;
  };

  // On the log's thread.
  void OnAppended(absl::StatusOr<typename Kind::Result> result) {
    Actions actions;
    {
      const absl::MutexLock lock(&mu_);
      --waiting_;
      if (result.ok() && !broken_) {
        *next_.add_results() = *std::move(result);
        next_.set_acknowledged(next_.acknowledged() + 1);
      } else if (!result.ok()) {
        broken_ = true;
        Fail(base::Annotate(result.status(), absl::StrCat("record ", next_.acknowledged(), " of the stream")));
      }
      actions = Next();
    }
    Perform(this, actions);
  }

  void Fail(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (error_.ok()) error_ = status;
  }

  // Decides what comes next and notes that it is under way. A read, a write or a record that waits keeps this alive; so
  // the one who takes the last of them away must decide to finish before it lets go of the lock.
  Actions Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Actions actions;
    if (gone_) next_.clear_results();
    if (!writing_ && next_.results_size() > 0) {
      actions.write = writing_ = true;
      response_ = next_;
      next_.clear_results();
    }
    const bool over = ended_ || !error_.ok();
    if (!reading_ && !over && waiting_ + next_.results_size() < kWindow) actions.read = reading_ = true;
    if (!finished_ && over && !reading_ && !writing_ && waiting_ == 0) {
      actions.finish = finished_ = true;
      actions.status = error_;
    }
    return actions;
  }

  // The last of the actions may be the end of the stream. Where there is none, it may have ended already: gRPC waits
  // for its own callbacks only, and the log's thread has let go of the lock; hence no member function.
  static void Perform(AppendStream* self, const Actions& actions) {
    if (actions.read) self->StartRead(&self->request_);
    if (actions.write) self->StartWrite(&self->response_);
    if (actions.finish) self->Finish(self->call_.End(actions.status));
  }

  LogWriter* const log_;
  Call call_;
  typename Kind::Request request_;    // of the read that is under way
  typename Kind::Response response_;  // of the write that is under way

  absl::Mutex mu_;
  typename Kind::Response next_ ABSL_GUARDED_BY(mu_);  // answers that are to be written
  int64_t read_ ABSL_GUARDED_BY(mu_) = 0;              // records accepted
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;               // of them, those not on disk yet
  bool reading_ ABSL_GUARDED_BY(mu_) = true;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;  // nothing more comes
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // a record was not stored: what follows is not answered for
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

grpc::ServerBidiReactor<vickrey::v1::AppendAuctionsRequest, vickrey::v1::AppendAuctionsResponse>*
ImpressionLogService::AppendAuctions(grpc::CallbackServerContext* context) {
  return new AppendStream<Auctions>(&gate_, context, log_);
}

grpc::ServerBidiReactor<vickrey::v1::AppendFeedbackRequest, vickrey::v1::AppendFeedbackResponse>*
ImpressionLogService::AppendFeedback(grpc::CallbackServerContext* context) {
  return new AppendStream<Reports>(&gate_, context, log_);
}

}  // namespace vickrey::server
