#ifndef TRAINER_RUN_RUN_FOLDER_H_
#define TRAINER_RUN_RUN_FOLDER_H_

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/base/file_lock.h"

namespace vickrey::trainer {

// Deletes of a run's folder what it could go on from; its events are left.
absl::Status CleanRun(const std::filesystem::path& folder);

// Whether this is the folder of a run that is not finished.
bool IsInterrupted(const std::filesystem::path& folder);

// The folder of one training run, `root`/runs/NAME/VERSION: what it goes on from if it is interrupted, and its
// TensorBoard events. Its life: open and locked by one process; finished, when its artifact is written; from then on
// only the events are left in it.
class RunFolder {
 public:
  // The run of these that was interrupted: of `name`, with `key`, not finished and nobody's. Else a new one, with the
  // next whole number that is the version of no run and no artifact, or with `version`. (A run that was killed before
  // it said whose it is has no version.) ALREADY_EXISTS naming the field `version` if that is an artifact's;
  // FAILED_PRECONDITION if its run has another key, or is another process's.
  static absl::StatusOr<std::unique_ptr<RunFolder>> Open(const std::filesystem::path& root, const std::string& name,
                                                         const std::string& version, const std::string& key);
  // One that leaves nothing to go on from leaves no folder.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::string& version() const { return version_; }
  const std::string& key() const { return key_; }
  // Notes that there is nothing to go on with, and deletes what was for that.
  absl::Status Finish();

 private:
  RunFolder(std::filesystem::path path, std::string version, std::string key, std::unique_ptr<base::FileLock> lock)
      : path_(std::move(path)), version_(std::move(version)), key_(std::move(key)), lock_(std::move(lock)) {}

  const std::filesystem::path path_;
  const std::string version_, key_;
  const std::unique_ptr<base::FileLock> lock_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_RUN_RUN_FOLDER_H_
