#ifndef VICKREY_BASE_RANDOM_ACCESS_FILE_H_
#define VICKREY_BASE_RANDOM_ACCESS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::base {

// A file of which any part is read by itself, without the file in memory: what was read stays in the operating system's
// cache, and is not counted as the process's own.
//
// Immutable, so thread-safe.
class RandomAccessFile {
 public:
  // Errors as FileError.
  static absl::StatusOr<std::unique_ptr<const RandomAccessFile>> Open(const std::filesystem::path& file);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  // As it was when it was opened.
  int64_t size() const { return size_; }

  // Fills `bytes` from `offset` on. DATA_LOSS if the file ends before.
  absl::Status ReadAt(int64_t offset, std::span<std::byte> bytes) const;
  template <typename T, size_t kSize>
  absl::Status ReadAt(int64_t offset, std::span<T, kSize> values) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return ReadAt(offset, std::span<std::byte>(std::as_writable_bytes(values)));
  }

 private:
  RandomAccessFile(std::filesystem::path file, int fd, int64_t size) : file_(std::move(file)), fd_(fd), size_(size) {}

  const std::filesystem::path file_;
  const int fd_;
  const int64_t size_;
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_RANDOM_ACCESS_FILE_H_
