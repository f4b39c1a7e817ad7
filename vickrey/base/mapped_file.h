#ifndef VICKREY_BASE_MAPPED_FILE_H_
#define VICKREY_BASE_MAPPED_FILE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::base {

// The bytes of a file, read-only, where the operating system keeps them: no copy is made, several processes share them,
// and what is not used takes no memory. The first byte lies at the start of a page.
//
// REQUIRES: nobody changes or cuts the file in place while it is mapped. A change would show in bytes() behind the back
// of whoever checked them, and a byte that was cut off ends the process with SIGBUS, as a disk that fails does. Files
// that are replaced or removed by name, as base::FilePublisher does, are safe: the mapping keeps the old one.
//
// Immutable, so thread-safe.
class MappedFile {
 public:
  // Maps the file as long as it is now. Errors as ReadFile's: RESOURCE_EXHAUSTED if it is larger than `max_bytes`;
  // FAILED_PRECONDITION for what is not a regular file, a folder or a pipe, which is not waited for.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::filesystem::path& file, size_t max_bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

  // Gives back the memory of a part that will hardly be read again, whole pages of it: who reads it again waits for the
  // operating system. REQUIRES: a part of bytes().
  void Release(std::string_view part) const;

 private:
  MappedFile(const char* data, size_t size) : data_(data), size_(size) {}

  const char* const data_;
  const size_t size_;
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_MAPPED_FILE_H_
