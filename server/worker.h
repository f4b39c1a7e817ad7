#ifndef SERVER_WORKER_H_
#define SERVER_WORKER_H_

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace vickrey::server {

// A thread that runs what it is given, one after the other, for work that a call's thread must not wait for.
// Thread-safe.
class Worker {
 public:
  Worker();
  // Runs what is queued, then ends.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Run(std::function<void()> job);

 private:
  void Loop();

  absl::Mutex mu_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace vickrey::server

#endif  // SERVER_WORKER_H_
