#ifndef VICKREY_LOG_COMMITTER_H_
#define VICKREY_LOG_COMMITTER_H_

#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "vickrey/log/database.h"
#include "vickrey/log/staging.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {

// Group commit: changes that threads bring while a batch is being synced go to disk together in the next one, so that
// many threads share the cost of a sync. The first of those that wait writes for all. Internal to vickrey/log.
//
// Thread-safe; the database must outlive it.
class Committer {
 public:
  // Stages a change; where it fails it is taken back, and the others go on. Called once, on any of the threads that
  // commit, one change at a time.
  using Change = absl::FunctionRef<absl::Status(Staging&)>;

  Committer(const Database* database, vickrey::storage::v1::LogMeta meta);

  // Makes the change and returns once it is on disk. An error of the change is the caller's alone; where the write
  // fails (RESOURCE_EXHAUSTED: the disk is full) everyone whose change was in the batch is told. RocksDB stops at such
  // a failure, of its own work in the background too, so each commit tries to go on from an earlier one first.
  absl::Status Commit(Change change);

  // Does `work` on the database while nobody writes. Where it fails it is done again once RocksDB goes on, as it may
  // not have since a failure before.
  absl::Status Alone(absl::FunctionRef<absl::Status()> work);

 private:
  struct Waiter {
    Change change;
    absl::Status status;
    bool done = false;
  };

  // Writes the changes of `group`. Called by one thread at a time, without the lock.
  void Write(const std::deque<Waiter*>& group);
  absl::Status WriteOut();
  absl::Status WriteOnce();

  const Database& database_;
  // Of the thread that writes:
  vickrey::storage::v1::LogMeta meta_;  // as it is on disk
  Staging staging_;
  bool broken_ = false;  // a write failed, and RocksDB was not resumed since

  absl::Mutex mu_;
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(mu_);  // the first of them writes
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_COMMITTER_H_
