#include "server/timeouts.h"

#include "absl/time/clock.h"

namespace vickrey::server {

Timeouts::Timeouts() : thread_([this] { Loop(); }) {}

Timeouts::~Timeouts() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

Timeouts::Id Timeouts::After(absl::Duration after, std::function<void()> f) {
  const absl::MutexLock lock(&mu_);
  const Id id(absl::Now() + after, ++last_);
  const bool is_first = waiting_.empty() || id < waiting_.begin()->first;
  waiting_.emplace(id, std::move(f));
  if (is_first) changed_.SignalAll();
  return id;
}

bool Timeouts::CallOff(const Id& id) {
  const absl::MutexLock lock(&mu_);
  if (waiting_.erase(id) > 0) return true;
  const auto over = [this, &id]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return running_ != id.second; };
  mu_.Await(absl::Condition(&over));
  return false;
}

void Timeouts::Loop() {
  const absl::MutexLock lock(&mu_);
  while (!stopping_) {
    if (waiting_.empty()) {
      changed_.Wait(&mu_);
    } else if (waiting_.begin()->first.first > absl::Now()) {
      changed_.WaitWithDeadline(&mu_, waiting_.begin()->first.first);
    } else {
      const auto next = waiting_.extract(waiting_.begin());
      running_ = next.key().second;
      mu_.Unlock();
      next.mapped()();
      mu_.Lock();
      running_ = 0;
    }
  }
}

}  // namespace vickrey::server
