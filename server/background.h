#ifndef SERVER_BACKGROUND_H_
#define SERVER_BACKGROUND_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/worker.h"

namespace vickrey::server {

// Work that must not disturb calls: loading, checking, warming and freeing models, say. Jobs run one after the other.
// There are two threads behind it. The front thread runs the jobs, at the priority of calls, and may take locks that
// calls take. What is heavy in a job it gives to the other one by Do, which runs at the lowest priority that the
// operating system has (SCHED_IDLE: only where nothing else wants the core; its reads of files wait likewise). That
// thread takes no lock that a call takes: it may be put aside at any time, for long, and a call would wait with it.
//
// Thread-safe.
class Background {
 public:
  Background() = default;
  // Runs what is queued, then ends.
  ~Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Never waits.
  void Run(std::function<void()> job);

  // In a job: runs `work` at the lowest priority and waits for it. Elsewhere (when the server starts and there are no
  // calls to disturb) runs it right here. REQUIRES: no lock is held; `work` takes none that calls take.
  void Do(const std::function<void()>& work);

 private:
  class IdleThread {
   public:
    IdleThread();
    ~IdleThread();
    void Do(const std::function<void()>& work);

   private:
    void Loop();

    absl::Mutex mu_;
    const std::function<void()>* work_ ABSL_GUARDED_BY(mu_) = nullptr;
    bool stopping_ ABSL_GUARDED_BY(mu_) = false;
    std::thread thread_;
  };

  IdleThread idle_;
  Worker front_;  // ends before the thread that its jobs need
};

}  // namespace vickrey::server

#endif  // SERVER_BACKGROUND_H_
