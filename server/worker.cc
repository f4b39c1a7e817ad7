#include "server/worker.h"

#include <utility>

namespace vickrey::server {

Worker::Worker() : thread_([this] { Loop(); }) {}

Worker::~Worker() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void Worker::Run(std::function<void()> job) {
  const absl::MutexLock lock(&mu_);
  jobs_.push_back(std::move(job));
}

void Worker::Loop() {
  while (true) {
    std::function<void()> job;
    {
      const absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopping_ || !jobs_.empty(); };
      mu_.Await(absl::Condition(&ready));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace vickrey::server
