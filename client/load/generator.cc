#include "client/load/generator.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/credentials.h"
#include "client/load/answer.h"
#include "client/load/schedule.h"
#include "vickrey/base/grpc_status.h"
#include "vickrey/base/status.h"

namespace vickrey::client {
namespace {

const absl::Duration kConnectTime = absl::Seconds(5);
const absl::Duration kLook = absl::Milliseconds(20);  // how often a wait looks up: a signal, the progress
constexpr int kMaxAnswerBytes = 64 << 20;

// Nanoseconds of a clock that is never set.
int64_t Now() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Each of these has a connection of its own; gRPC shares them otherwise. What fails is counted, not tried again.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const Security& security) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  return grpc::CreateCustomChannel(address, CredentialsOf(security), arguments);
}

// A request as gRPC takes it, cut around its id.
class SlicedRequest {
 public:
  explicit SlicedRequest(const PreparedRequest& request) : bytes_(request.bytes.size()) {
    const size_t cut = std::min(request.id_at, request.bytes.size());
    slices_[0] = grpc::Slice(request.bytes.data(), cut);
    has_id_ = request.id_at != std::string::npos;
    const size_t rest = has_id_ ? cut + PreparedRequest::kIdDigits : cut;
    slices_[2] = grpc::Slice(request.bytes.data() + rest, request.bytes.size() - rest);
  }

  size_t bytes() const { return bytes_; }
  grpc::ByteBuffer Make(int64_t number) const {
    if (!has_id_) return grpc::ByteBuffer(slices_.data(), 1);
    char digits[32];
    std::snprintf(digits, sizeof(digits), "%012lld", static_cast<long long>(number));
    const std::array<grpc::Slice, 3> slices = {slices_[0], grpc::Slice(digits, PreparedRequest::kIdDigits), slices_[2]};
    return grpc::ByteBuffer(slices.data(), slices.size());
  }

 private:
  const size_t bytes_;
  bool has_id_ = false;
  std::array<grpc::Slice, 3> slices_;  // the middle one is made for each call
};

// One connection, and what came of its calls.
struct Lane {
  Lane(const std::string& address, const Security& security) : channel(ChannelTo(address, security)), stub(channel) {}

  LoadResult Result() {
    const absl::MutexLock lock(&mu);
    return result;
  }
  int64_t LastEnd() {
    const absl::MutexLock lock(&mu);
    return last_end;
  }

  const std::shared_ptr<grpc::Channel> channel;
  grpc::GenericStub stub;
  absl::Mutex mu;
  LoadResult result ABSL_GUARDED_BY(mu);
  int64_t last_end ABSL_GUARDED_BY(mu) = 0;  // when the last counted call ended
};

struct Call {
  Lane* lane;
  size_t request_bytes;
  int64_t due;
  bool counted;
  grpc::ClientContext context;
  grpc::ByteBuffer request, response;
};

class Generator {
 public:
  Generator(const LoadOptions& options, const std::vector<PreparedRequest>& requests)
      : options_(options), requests_(requests.begin(), requests.end()) {
    for (int i = 0; i < options.connections; ++i)
      lanes_.push_back(std::make_unique<Lane>(options.address, options.security));
  }

  absl::Status Connect() {
    const auto until = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(kConnectTime);
    for (const auto& lane : lanes_) {
      if (!lane->channel->WaitForConnected(until)) {
        return absl::UnavailableError(absl::StrCat("no server at ", options_.address));
      }
    }
    auto call = MakeCall(*lanes_[0]);
    grpc::Status status;
    absl::Notification answered;
    lanes_[0]->stub.UnaryCall(&call->context, options_.method, {}, &call->request, &call->response,
                              [&](grpc::Status ended) {
                                status = std::move(ended);
                                answered.Notify();
                              });
    answered.WaitForNotification();
    return base::Annotate(base::FromGrpcStatus(status), "the first call failed");
  }

  LoadResult Run() {
    const double cpu = CpuSeconds();
    begin_ = Now() + absl::ToInt64Nanoseconds(options_.warm_up);
    // Saturates at a time that never comes.
    end_ = options_.duration == absl::InfiniteDuration() ? std::numeric_limits<int64_t>::max()
                                                         : begin_ + absl::ToInt64Nanoseconds(options_.duration);
    if (options_.rate.has_value()) {
      RunOpenLoop();
    } else {
      RunClosedLoop();
    }
    while (outstanding_.load(std::memory_order_acquire) > 0) Look();  // each has a deadline
    LoadResult result = Collect();
    result.cpu_seconds = CpuSeconds() - cpu;
    return result;
  }

 private:
  std::unique_ptr<Call> MakeCall(Lane& lane) {
    const int64_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
    const SlicedRequest& request = requests_[static_cast<size_t>(number) % requests_.size()];
    auto call = std::make_unique<Call>();
    call->lane = &lane;
    call->request_bytes = request.bytes();
    call->request = request.Make(number);
    if (!options_.security.token.empty()) {
      call->context.AddMetadata("authorization", absl::StrCat("Bearer ", options_.security.token));
    }
    call->context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(options_.deadline));
    return call;
  }

  void Send(Lane& lane, int64_t due, bool counted) {
    auto call = MakeCall(lane);
    call->due = due;
    call->counted = counted;
    outstanding_.fetch_add(1, std::memory_order_relaxed);
    Call* const sent = call.release();  // its callback owns it
    lane.stub.UnaryCall(&sent->context, options_.method, {}, &sent->request, &sent->response,
                        [this, sent](const grpc::Status& status) { End(std::unique_ptr<Call>(sent), status); });
  }

  void End(std::unique_ptr<Call> call, const grpc::Status& status) {
    const int64_t now = Now();
    Record(*call, status, now);
    if (call->counted) done_.fetch_add(1, std::memory_order_relaxed);
    if (!options_.rate.has_value()) SendNext(*call->lane);
    call.reset();
    outstanding_.fetch_sub(1, std::memory_order_release);  // the last thing: nobody waits for us any more
  }

  void Record(const Call& call, const grpc::Status& status, int64_t now) {
    grpc::Slice answer;
    if (status.ok() && !call.response.TrySingleSlice(&answer).ok()) {
      if (!call.response.DumpToSingleSlice(&answer).ok()) answer = grpc::Slice();
    }
    const std::string_view bytes(reinterpret_cast<const char*>(answer.begin()), answer.size());
    const std::string_view version = TextIn(bytes, options_.version_path);
    absl::MutexLock lock(&call.lane->mu);
    LoadResult& result = call.lane->result;
    if (!call.counted) {
      ++result.uncounted;
      return;
    }
    call.lane->last_end = std::max(call.lane->last_end, now);
    ++result.sent;
    result.request_bytes += static_cast<double>(call.request_bytes);
    if (!status.ok()) {
      ++result.errors[static_cast<absl::StatusCode>(status.error_code())];
      return;
    }
    ++result.ok;
    result.answer_bytes += static_cast<double>(bytes.size());
    result.latency.Record(now - call.due);
    if (version.empty()) return;
    const auto found = result.versions.find(version);
    if (found != result.versions.end()) {
      ++found->second;
    } else {
      result.versions.emplace(version, 1);
    }
  }

  // Calls are due by the schedule alone, and each that is due is sent or counted as unsent, however late it is.
  void RunOpenLoop() {
    prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds: sleeps end when they should
    const double warm_up = absl::ToDoubleSeconds(options_.warm_up);
    Schedule schedule(
        {.rate = *options_.rate, .poisson = options_.poisson, .ramp_seconds = warm_up, .seed = options_.seed});
    const int64_t start = begin_ - absl::ToInt64Nanoseconds(options_.warm_up);
    int64_t counted_calls = 0;
    for (size_t n = 0;; ++n) {
      const int64_t due = start + schedule.Next();
      const bool counted = due >= begin_;
      if (due >= end_ || (counted && counted_calls == options_.calls)) break;
      if (!SleepUntil(due)) break;
      if (n % 256 == 0) options_.progress(done_.load(std::memory_order_relaxed));  // where it never has to sleep
      if (counted) {
        ++counted_calls;
        max_lag_ = std::max(max_lag_, Now() - due);
      }
      if (outstanding_.load(std::memory_order_relaxed) >= options_.max_outstanding) {
        if (counted) ++unsent_;
        continue;
      }
      Send(*lanes_[n % lanes_.size()], due, counted);
    }
    if (!interrupted_) SleepUntil(std::min(end_, begin_ + NominalTime()));
  }

  // How long an open loop of so many calls takes.
  int64_t NominalTime() const {
    return static_cast<int64_t>(
        std::min(static_cast<double>(options_.calls) / *options_.rate * 1e9, 9e18 - static_cast<double>(begin_)));
  }

  void RunClosedLoop() {
    for (int i = 0; i < options_.concurrency; ++i) SendNext(*lanes_[static_cast<size_t>(i) % lanes_.size()]);
  }

  // The next call of a closed loop, unless it has ended.
  void SendNext(Lane& lane) {
    const int64_t now = Now();
    const bool counted = now >= begin_;
    if (now >= end_ || stopped_.load(std::memory_order_relaxed)) return;
    if (counted && claimed_.fetch_add(1, std::memory_order_relaxed) >= options_.calls) return;
    Send(lane, now, counted);
  }

  // False: it was interrupted.
  bool SleepUntil(int64_t time) {
    while (true) {
      const int64_t now = Now();
      if (options_.stop()) Interrupt();
      if (interrupted_) return false;
      if (now >= time) return true;
      options_.progress(done_.load(std::memory_order_relaxed));
      absl::SleepFor(std::min(kLook, absl::Nanoseconds(time - now)));
    }
  }

  void Look() {
    if (options_.stop()) Interrupt();
    options_.progress(done_.load(std::memory_order_relaxed));
    absl::SleepFor(options_.rate.has_value() ? absl::Milliseconds(1) : kLook);
  }

  void Interrupt() {
    interrupted_ = true;
    stopped_.store(true, std::memory_order_relaxed);
  }

  LoadResult Collect() {
    LoadResult result;
    int64_t last_end = begin_;
    for (const auto& lane : lanes_) {
      const LoadResult part = lane->Result();
      last_end = std::max(last_end, lane->LastEnd());
      result.sent += part.sent;
      result.ok += part.ok;
      result.uncounted += part.uncounted;
      result.request_bytes += part.request_bytes;
      result.answer_bytes += part.answer_bytes;
      for (const auto& [code, count] : part.errors) result.errors[code] += count;
      for (const auto& [version, count] : part.versions) result.versions[version] += count;
      result.latency.Merge(part.latency);
    }
    ++result.uncounted;  // the first one
    result.unsent = unsent_;
    result.max_lag_seconds = static_cast<double>(max_lag_) * 1e-9;
    result.interrupted = interrupted_;
    if (options_.rate.has_value() && !interrupted_) {
      last_end = std::max(last_end, std::min(end_, begin_ + NominalTime()));
    } else if (end_ < std::numeric_limits<int64_t>::max() && !interrupted_ && claimed_.load() <= options_.calls) {
      last_end = std::max(last_end, end_);
    }
    result.seconds = static_cast<double>(last_end - begin_) * 1e-9;
    return result;
  }

  const LoadOptions& options_;
  const std::vector<SlicedRequest> requests_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  int64_t begin_ = 0, end_ = 0;  // of what is counted
  std::atomic<int64_t> next_number_ = 0, outstanding_ = 0, done_ = 0;
  std::atomic<int64_t> claimed_ = 0;  // counted calls of a closed loop
  std::atomic<bool> stopped_ = false;
  // Of the thread that runs it.
  int64_t unsent_ = 0, max_lag_ = 0;
  bool interrupted_ = false;
};

}  // namespace

absl::StatusOr<LoadResult> GenerateLoad(const LoadOptions& options, const std::vector<PreparedRequest>& requests) {
  Generator generator(options, requests);
  RETURN_IF_ERROR(generator.Connect());
  return generator.Run();
}

}  // namespace vickrey::client
