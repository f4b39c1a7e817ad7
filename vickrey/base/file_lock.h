#ifndef VICKREY_BASE_FILE_LOCK_H_
#define VICKREY_BASE_FILE_LOCK_H_

#include <filesystem>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::base {

// A file that one process at a time holds; the operating system gives it up when the process ends, however it does.
//
// Not thread-safe.
class FileLock {
 public:
  // Makes the file, with its folders, and takes it. nullptr if another process has it.
  static absl::StatusOr<std::unique_ptr<FileLock>> Try(const std::filesystem::path& file);
  // Waits for it, saying on stderr for whom. CANCELLED on an interrupt. `now_and_then` is called a few times a second,
  // and ends the waiting by an error.
  static absl::StatusOr<std::unique_ptr<FileLock>> Wait(
      const std::filesystem::path& file,
      absl::FunctionRef<absl::Status()> now_and_then = [] { return absl::OkStatus(); });
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_FILE_LOCK_H_
