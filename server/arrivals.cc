#include "server/arrivals.h"

#include "absl/time/clock.h"

namespace vickrey::server {

class Arrivals::Context final : public grpc::CallbackServerContext {
 public:
  explicit Context(Arrivals* owner)
      : time_(absl::Now()), slot_(SlotOf(time_)), counter_(owner->waiting_[slot_ % kSlots]) {
    Add(&counter_, slot_);
  }
  ~Context() override { Begin(); }

  absl::Time Begin() {
    if (waiting_) Remove(&counter_, slot_);
    waiting_ = false;
    return time_;
  }

 private:
  const absl::Time time_;
  const uint32_t slot_;
  Counter& counter_;
  bool waiting_ = true;
};

class Arrivals::Allocator final : public grpc::ContextAllocator {
 public:
  explicit Allocator(Arrivals* owner) : owner_(owner) {}
  grpc::CallbackServerContext* NewCallbackServerContext() override { return new Context(owner_); }
  void Release(grpc::CallbackServerContext* context) override { delete static_cast<Context*>(context); }

 private:
  Arrivals* const owner_;
};

std::unique_ptr<grpc::ContextAllocator> Arrivals::NewAllocator() { return std::make_unique<Allocator>(this); }

absl::Time Arrivals::Begin(grpc::CallbackServerContext* context) {
  auto* const counted = dynamic_cast<Context*>(context);
  return counted == nullptr ? absl::Now() : counted->Begin();
}

int64_t Arrivals::Waiting(absl::Time now) const {
  const uint32_t last = SlotOf(now);
  int64_t waiting = 0;
  for (uint32_t slot = last; slot != last - kSlotsCounted; --slot) {
    const uint64_t counter = waiting_[slot % kSlots].load(std::memory_order_relaxed);
    if (counter >> 32 == slot) waiting += static_cast<uint32_t>(counter);
  }
  return waiting;
}

uint32_t Arrivals::SlotOf(absl::Time time) {
  return static_cast<uint32_t>(absl::ToUnixMillis(time) / (absl::ToInt64Milliseconds(kCounted) / kSlotsCounted));
}

void Arrivals::Add(Counter* counter, uint32_t slot) {
  uint64_t seen = counter->load(std::memory_order_relaxed), next = 0;
  do {
    next = seen >> 32 == slot ? seen + 1 : (uint64_t{slot} << 32) + 1;
  } while (!counter->compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

void Arrivals::Remove(Counter* counter, uint32_t slot) {
  uint64_t seen = counter->load(std::memory_order_relaxed);
  while (seen >> 32 == slot && !counter->compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed)) {
  }
}

}  // namespace vickrey::server
