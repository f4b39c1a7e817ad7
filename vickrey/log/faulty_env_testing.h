// Faults below a log: the loss of power, a full disk, syncs that are slow or fail.
#ifndef VICKREY_LOG_FAULTY_ENV_TESTING_H_
#define VICKREY_LOG_FAULTY_ENV_TESTING_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "rocksdb/env.h"
#include "vickrey/base/random.h"

namespace vickrey::log {

class FaultyFileSystem;

// A RocksDB environment on this machine's files that knows what of them is synced, and fails on demand:
//   1. open a log with LogOptions::env = env(), write;
//   2. LosePowerAfter: from some change of a file on every further one fails, in every thread;
//   3. close the log, as a process ends;
//   4. Restart makes the files what the loss of power may have left of them; open the log again.
//
// What may be left: of every file the bytes that were synced and any prefix of those that followed; of every folder
// the first so many of the names that were made, renamed and deleted since it was synced (a journal keeps their order).
// Whatever does not go through env() is out of its sight, and on disk.
//
// Thread-safe, but for Restart. Outlives what is opened with it.
class FaultyEnv {
 public:
  // `saved`: a folder to be made, on the same file system, for deleted files that may come back.
  explicit FaultyEnv(const std::filesystem::path& saved);
  ~FaultyEnv();

  rocksdb::Env* env() const { return env_.get(); }

  // Power is lost after so many more changes of files: bytes appended, syncs, names made, changed or deleted.
  void LosePowerAfter(int64_t changes);
  bool lost_power() const;
  // REQUIRES: nothing is open with env().
  void Restart(base::RandomStream& random);

  // So many bytes more can be written to files whose name ends with `of`; then NoSpace, in the midst of a write where
  // it falls so, as a disk does. Default: any number.
  void SetSpace(int64_t bytes, const std::string& of = "");
  void SetEndlessSpace();

  // Syncs of write-ahead logs fail with NoSpace, as they do where space is allocated late. The bytes may be there.
  void FailSyncs(bool fail);
  // Syncs of write-ahead logs wait until they are released.
  void HoldSyncs();
  void ReleaseSyncs();
  // How many syncs of write-ahead logs there were.
  int64_t syncs() const;

 private:
  const std::shared_ptr<FaultyFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_FAULTY_ENV_TESTING_H_
