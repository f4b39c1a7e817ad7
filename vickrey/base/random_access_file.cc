#include "vickrey/base/random_access_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"

namespace vickrey::base {

absl::StatusOr<std::unique_ptr<const RandomAccessFile>> RandomAccessFile::Open(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // does not wait for a pipe's writer
  if (fd < 0) return FileError("open", file);
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    const absl::Status error = FileError("read", file);
    close(fd);
    return error;
  }
  if (!S_ISREG(status.st_mode)) {
    close(fd);
    return absl::UnavailableError(absl::StrCat("cannot read ", file.string(), ": it is not a regular file"));
  }
  return std::unique_ptr<const RandomAccessFile>(new RandomAccessFile(file, fd, status.st_size));
}

RandomAccessFile::~RandomAccessFile() { close(fd_); }

absl::Status RandomAccessFile::ReadAt(int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = pread(fd_, bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", file_);
    if (got == 0) return absl::DataLossError(absl::StrCat(file_.string(), " ends at byte ", offset));
    bytes = bytes.subspan(static_cast<size_t>(got));
    offset += got;
  }
  return absl::OkStatus();
}

}  // namespace vickrey::base
