#include "server/read_pool.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace vickrey::server {

ReadPool::ReadPool(int places) : places_(places) {
  for (int i = 0; i < places; ++i) threads_.emplace_back([this] { Loop(); });
}

ReadPool::~ReadPool() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Status ReadPool::Run(std::function<absl::Status()> work, std::function<void(const absl::Status&)> done) {
  const absl::MutexLock lock(&mu_);
  if (taken_ == places_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(places_, " reads of the log are under way, as many as this server takes; try again later"));
  }
  ++taken_;
  jobs_.push_back({std::move(work), std::move(done)});
  return absl::OkStatus();
}

void ReadPool::Loop() {
  while (true) {
    Job job;
    {
      const absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopping_ || !jobs_.empty(); };
      mu_.Await(absl::Condition(&ready));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    const absl::Status status = job.work();
    {
      const absl::MutexLock lock(&mu_);
      --taken_;
    }
    job.done(status);
  }
}

}  // namespace vickrey::server
