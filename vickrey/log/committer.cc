#include "vickrey/log/committer.h"

#include <utility>

#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record.h"
#include "vickrey/log/rocksdb_status.h"

namespace vickrey::log {
namespace {

constexpr size_t kMaxBatchBytes = size_t{16} << 20;  // a batch takes no more changes when it is this large

}  // namespace

Committer::Committer(const Database* database, vickrey::storage::v1::LogMeta meta)
    : database_(*database), meta_(std::move(meta)), staging_(database) {}

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

absl::Status Committer::Alone(absl::FunctionRef<absl::Status()> work) {
  return Commit([&](Staging&) -> absl::Status {
    const absl::Status status = work();
    if (status.ok()) return status;
    RETURN_IF_ERROR(FromRocksDb(database_.db().Resume()));
    return work();
  });
}

void Committer::Write(const std::deque<Waiter*>& group) {
  staging_.Begin(meta_);
  size_t taken = 0;
  for (; taken < group.size() && (taken == 0 || staging_.bytes() < kMaxBatchBytes); ++taken) {
    staging_.Mark();
    group[taken]->status = group[taken]->change(staging_);
    if (!group[taken]->status.ok()) staging_.TakeBack();
  }
  const absl::Status status = WriteOut();
  if (status.ok()) meta_ = staging_.meta();
  const absl::MutexLock lock(&mu_);
  for (size_t i = 0; i < taken; ++i) {  // those left over wait on, the first of them to write next
    if (group[i]->status.ok()) group[i]->status = status;
    group[i]->done = true;
    queue_.pop_front();
  }
}

absl::Status Committer::WriteOut() {
  if (staging_.empty()) return absl::OkStatus();
  if (!broken_) {
    const absl::Status status = WriteOnce();
    if (status.ok()) return status;
    broken_ = true;
  }
  RETURN_IF_ERROR(FromRocksDb(database_.db().Resume()));
  RETURN_IF_ERROR(WriteOnce());  // again, perhaps: that does no harm
  broken_ = false;
  return absl::OkStatus();
}

absl::Status Committer::WriteOnce() {
  // Where a write fails, the write-ahead log may end with it, whole or in part: nothing may follow it there. Resume
  // begins another log only if there is something in memory to be written out first, so here is something: what is on
  // disk already.
  rocksdb::WriteOptions only_in_memory;
  only_in_memory.disableWAL = true;
  RETURN_IF_ERROR(FromRocksDb(database_.db().Put(only_in_memory, database_.family(Database::Family::kMeta), kMetaKey,
                                                 SerializeDeterministically(meta_))));
  return staging_.Write();
}

}  // namespace vickrey::log
