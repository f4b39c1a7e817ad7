// What every call passes, whatever its service: who calls, whether there is room, whether it is still wanted; and how
// it ended, for the metrics and the log of calls.
#ifndef SERVER_GATE_H_
#define SERVER_GATE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/access.h"
#include "server/arrivals.h"
#include "server/method.h"

namespace vickrey::server {

// How a call went.
struct CallReport {
  const Method& method;
  std::string_view request_id;
  std::string_view caller;  // whose token it was; empty: nobody's
  std::string_view model;   // NAME@VERSION that answered; empty: none
  std::string_view about;   // what a call that changes the server was about: "ctr/2"; empty: nothing is known
  int64_t candidates;       // scored
  const absl::Status& status;
  absl::Duration took;  // from its arrival, waiting included
};

// Is told of every call. Thread-safe; called on the calls' threads, so it must be fast.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnCallBegin(const Method& method) = 0;
  virtual void OnCallEnd(const CallReport& report) = 0;
};

// Lets calls in. Thread-safe.
class Gate {
 public:
  struct Limits {
    int in_flight = 1000;   // calls and streams, with those that gRPC has received and nobody has begun
    int candidates = 1000;  // of a request
  };

  // `access`: who may call; null: everybody. `observer` may be null. Both must outlive it.
  Gate(const Access* access, CallObserver* observer, const Limits& limits)
      : access_(access), observer_(observer), limits_(limits) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // What the server's calls must be made with, so that those are counted that wait to be begun. This must outlive it.
  std::unique_ptr<grpc::ContextAllocator> NewContextAllocator() { return arrivals_.NewAllocator(); }

  // From now on every call is refused with UNAVAILABLE: callers shall go to another server.
  void Close() { closed_.store(true, std::memory_order_relaxed); }
  // How many have been, since.
  int64_t refused_closed() const { return refused_closed_.load(std::memory_order_relaxed); }
  // Calls that have arrived and that nobody has begun, or watches of the health for the first two seconds.
  int64_t waiting() const { return arrivals_.Waiting(absl::Now()); }
  int in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  friend class Call;

  const Access* const access_;
  CallObserver* const observer_;
  const Limits limits_;
  Arrivals arrivals_;
  std::atomic<int> in_flight_ = 0;
  std::atomic<bool> closed_ = false;
  std::atomic<int64_t> refused_closed_ = 0;
};

// One call: begins with its construction, ends by End or, as INTERNAL, by destruction. Not thread-safe, but it may be
// handed from one thread to the next.
class Call {
 public:
  // `context` must live until the end; a call that takes its time may use its cancellation itself.
  Call(Gate* gate, grpc::CallbackServerContext* context, const Method& method);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Whether it is let in: UNAUTHENTICATED, PERMISSION_DENIED, RESOURCE_EXHAUSTED (too many in flight), UNAVAILABLE (the
  // server is ending), DEADLINE_EXCEEDED or CANCELLED (nobody waits for the answer any more).
  const absl::Status& admission() const { return admission_; }
  // The last two, as of now.
  absl::Status CheckWanted() const;
  // PERMISSION_DENIED where the caller lacks a role beside the method's.
  absl::Status CheckRole(Role role) const;

  // INVALID_ARGUMENT where a request has more candidates than this server takes.
  absl::Status CheckCandidates(int count) const;

  const std::string& request_id() const { return request_id_; }
  void set_model(std::string model) { model_ = std::move(model); }
  void set_about(std::string about) { about_ = std::move(about); }
  void set_candidates(int64_t candidates) { candidates_ = candidates; }

  // Ends it, once. The status to finish with.
  grpc::Status End(const absl::Status& status);

 private:
  absl::Status Admit();
  absl::Status CheckRoom() const;

  Gate& gate_;
  grpc::CallbackServerContext& context_;
  const Method& method_;
  const absl::Time arrival_, begin_;
  std::shared_ptr<const Access::Bearer> bearer_;  // null: everybody may call
  std::string request_id_, model_, about_;
  int64_t candidates_ = 0;
  bool id_was_given_ = false, ended_ = false;
  absl::Status admission_;
};

// Answers a unary call by `f` (of the Call, giving an absl::Status) on the call's own thread.
template <typename F>
grpc::ServerUnaryReactor* Answer(Gate* gate, grpc::CallbackServerContext* context, const Method& method, F f) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Call call(gate, context, method);
  reactor->Finish(call.End(call.admission().ok() ? f(call) : call.admission()));
  return reactor;
}

}  // namespace vickrey::server

#endif  // SERVER_GATE_H_
