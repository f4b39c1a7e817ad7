#include "server/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace vickrey::server {
namespace {

thread_local const Background* front_of = nullptr;  // whose front thread this is

void TakeLowestPriority() {
  const sched_param none = {};
  if (sched_setscheduler(0, SCHED_IDLE, &none) == 0) return;  // 0: this thread
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19);
}

}  // namespace

void Background::Run(std::function<void()> job) {
  front_.Run([this, job = std::move(job)] {
    front_of = this;
    job();
  });
}

void Background::Do(const std::function<void()>& work) {
  if (front_of == this) {
    idle_.Do(work);
  } else {
    work();
  }
}

Background::IdleThread::IdleThread() : thread_([this] { Loop(); }) {}

Background::IdleThread::~IdleThread() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void Background::IdleThread::Do(const std::function<void()>& work) {
  const absl::MutexLock lock(&mu_);
  work_ = &work;
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return work_ == nullptr; };
  mu_.Await(absl::Condition(&done));
}

void Background::IdleThread::Loop() {
  TakeLowestPriority();
  const absl::MutexLock lock(&mu_);
  while (true) {
    const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopping_ || work_ != nullptr; };
    mu_.Await(absl::Condition(&ready));
    if (work_ == nullptr) return;
    const std::function<void()>* const work = work_;
    mu_.Unlock();
    (*work)();
    mu_.Lock();
    work_ = nullptr;
  }
}

}  // namespace vickrey::server
