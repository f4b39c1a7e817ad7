#ifndef SERVER_TIMEOUTS_H_
#define SERVER_TIMEOUTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace vickrey::server {

// Calls functions when their time has come, unless they are called off before: for what must not wait for ever.
// Thread-safe.
class Timeouts {
 public:
  using Id = std::pair<absl::Time, uint64_t>;

  Timeouts();
  // Those whose time has not come are never called.
  ~Timeouts();
  Timeouts(const Timeouts&) = delete;
  Timeouts& operator=(const Timeouts&) = delete;

  // Has `f` called on the thread of this once `after` has passed. It must not block, nor call this.
  Id After(absl::Duration after, std::function<void()> f);
  // True: it will not be called. False: it was; it has ended.
  bool CallOff(const Id& id);

 private:
  void Loop();

  absl::Mutex mu_;
  absl::CondVar changed_;
  std::map<Id, std::function<void()>> waiting_ ABSL_GUARDED_BY(mu_);
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t running_ ABSL_GUARDED_BY(mu_) = 0;  // 0: none
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace vickrey::server

#endif  // SERVER_TIMEOUTS_H_
