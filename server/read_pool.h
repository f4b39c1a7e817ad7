#ifndef SERVER_READ_POOL_H_
#define SERVER_READ_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace vickrey::server {

// Threads for reading a log, which waits for the disk and for whoever takes what was read: so it must not be done on a
// thread that others' calls need, and not by any number at once.
// Thread-safe.
class ReadPool {
 public:
  explicit ReadPool(int places);
  // Waits for what was begun.
  ~ReadPool();
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;

  // Runs `work` on a thread of the pool, frees the place, and calls `done` with what came of it: so whoever learns of
  // the end by `done` finds the place free. RESOURCE_EXHAUSTED where all places are taken; neither is called then.
  absl::Status Run(std::function<absl::Status()> work, std::function<void(const absl::Status&)> done);

 private:
  struct Job {
    std::function<absl::Status()> work;
    std::function<void(const absl::Status&)> done;
  };
  void Loop();

  const int places_;
  absl::Mutex mu_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  int taken_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace vickrey::server

#endif  // SERVER_READ_POOL_H_
