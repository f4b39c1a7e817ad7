#ifndef SERVER_ARRIVALS_H_
#define SERVER_ARRIVALS_H_

#include <grpcpp/server_context.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"

namespace vickrey::server {

// Calls that gRPC has received and that no thread has come to yet. gRPC queues them itself, without a bound and before
// any code of ours runs, so that a server that only counted the calls it works on would never see that it is
// overloaded.
//
//   1. the server is built with NewAllocator() as its context allocator;
//   2. who begins a call calls Begin with its context;
//   3. Waiting tells how many wait.
//
// Thread-safe.
class Arrivals {
 public:
  // How long a call is counted that nobody begins: the health service and reflection are gRPC's own, and a client that
  // watches the health does so for as long as it lives.
  static constexpr absl::Duration kCounted = absl::Seconds(2);

  Arrivals() = default;
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  // This must outlive the allocator and the contexts.
  std::unique_ptr<grpc::ContextAllocator> NewAllocator();

  // When the call arrived: now, for a context that is not the allocator's. It does not wait any more.
  static absl::Time Begin(grpc::CallbackServerContext* context);

  // May be off by the calls that arrive meanwhile.
  int64_t Waiting(absl::Time now) const;

 private:
  class Context;
  class Allocator;

  // Those that arrived in one slot of time. A counter serves one slot after the other: its upper half says which.
  using Counter = std::atomic<uint64_t>;
  static constexpr int kSlots = 16, kSlotsCounted = 8;

  static uint32_t SlotOf(absl::Time time);
  static void Add(Counter* counter, uint32_t slot);
  static void Remove(Counter* counter, uint32_t slot);

  std::array<Counter, kSlots> waiting_ = {};
};

}  // namespace vickrey::server

#endif  // SERVER_ARRIVALS_H_
