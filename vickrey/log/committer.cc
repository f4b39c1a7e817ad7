#include "vickrey/log/committer.h"

#include <utility>

#include "vickrey/log/rocksdb_status.h"

namespace vickrey::log {
namespace {

constexpr size_t kMaxBatchBytes = size_t{16} << 20;  // a batch takes no more changes when it is this large

}  // namespace

Committer::Committer(const Database* database, vickrey::storage::v1::LogMeta meta)
    : database_(*database), meta_(std::move(meta)) {}

absl::Status Committer::Commit(Change change) {
  Waiter waiter{change};
  std::deque<Waiter*> group;
  {
    absl::MutexLock lock(&mu_);
    queue_.push_back(&waiter);
    const auto ready = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return waiter.done || queue_.front() == &waiter; };
    mu_.Await(absl::Condition(&ready));
    if (waiter.done) return waiter.status;
    group = queue_;
  }
  Write(group);
  return waiter.status;
}

void Committer::Write(const std::deque<Waiter*>& group) {
  absl::Status status;
  if (broken_) {
    status = FromRocksDb(database_.db().Resume());
    broken_ = !status.ok();
  }
  Staging staging(database_, meta_);
  size_t taken = 0;
  for (; taken < group.size() && (taken == 0 || staging.bytes() < kMaxBatchBytes); ++taken) {
    if (!status.ok()) continue;
    staging.Mark();
    group[taken]->status = group[taken]->change(staging);
    if (!group[taken]->status.ok()) staging.TakeBack();
  }
  if (status.ok()) {
    status = staging.Write();
    broken_ = !status.ok();
    if (status.ok()) meta_ = staging.meta();
  }
  const absl::MutexLock lock(&mu_);
  for (size_t i = 0; i < taken; ++i) {  // those left over wait on, the first of them to write next
    if (group[i]->status.ok()) group[i]->status = status;
    group[i]->done = true;
    queue_.pop_front();
  }
}

}  // namespace vickrey::log
