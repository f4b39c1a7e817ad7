#include "vickrey/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"

namespace vickrey::base {

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::filesystem::path& file,
                                                                   size_t max_bytes) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer would block
  if (fd < 0) return FileError("open", file);
  const absl::Cleanup close_it = [fd] { close(fd); };
  struct stat found;
  if (fstat(fd, &found) != 0) return FileError("look at", file);
  if (!S_ISREG(found.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat("cannot map ", file.string(), ": it is not a regular file"));
  }
  const auto size = static_cast<size_t>(found.st_size);
  if (size > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(file.string(), " is larger than ", max_bytes, " bytes"));
  }
  const char* data = "";  // nothing cannot be mapped
  if (size > 0) {
    void* const mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return FileError("map", file);
    data = static_cast<const char*>(mapped);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(data, size));
}

void MappedFile::Release(std::string_view part) const {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto from = static_cast<size_t>(part.data() - data_);
  const size_t begin = (from + page - 1) / page * page;
  const size_t end = (from + part.size()) / page * page;
  // That it fails costs memory and nothing else.
  if (begin < end) madvise(const_cast<char*>(data_) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<char*>(data_), size_);
}

}  // namespace vickrey::base
