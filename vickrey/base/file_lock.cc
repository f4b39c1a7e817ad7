#include "vickrey/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Try(const std::filesystem::path& file) {
  RETURN_IF_ERROR(MakeFolders(file.parent_path()));
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return FileError("open", file);
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return nullptr;
    return FileError("lock", file);
  }
  // Who held it may have deleted the file: a lock of what nobody else can open is none.
  struct stat held = {}, there = {};
  if (fstat(fd, &held) != 0 || stat(file.c_str(), &there) != 0 || held.st_ino != there.st_ino) return nullptr;
  return lock;
}

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Wait(const std::filesystem::path& file,
                                                         absl::FunctionRef<absl::Status()> now_and_then) {
  for (bool said = false;; said = true) {
    ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, Try(file));
    if (lock != nullptr) return lock;
    RETURN_IF_ERROR(CheckInterrupt());
    RETURN_IF_ERROR(now_and_then());
    if (!said) Note(absl::StrCat("waiting for the process that holds ", file.string()));
    absl::SleepFor(kPoll);
  }
}

FileLock::~FileLock() { close(fd_); }

}  // namespace vickrey::base
