#ifndef SIMULATOR_FLIGHT_H_
#define SIMULATOR_FLIGHT_H_

#include <cstdint>
#include <limits>

#include "absl/synchronization/mutex.h"

namespace vickrey::simulator {

// Counts what is under way: at most so many at a time, and a way to wait for all. Thread-safe.
class Flight {
 public:
  explicit Flight(int64_t limit = std::numeric_limits<int64_t>::max()) : limit_(limit) {}

  void Depart() {
    const absl::MutexLock lock(&mu_);
    const auto free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return under_way_ < limit_; };
    mu_.Await(absl::Condition(&free));
    ++under_way_;
  }
  void Arrive() {
    const absl::MutexLock lock(&mu_);
    --under_way_;
  }
  void WaitForAll() {
    const absl::MutexLock lock(&mu_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return under_way_ == 0; };
    mu_.Await(absl::Condition(&none));
  }

 private:
  const int64_t limit_;
  absl::Mutex mu_;
  int64_t under_way_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_FLIGHT_H_
