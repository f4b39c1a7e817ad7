#ifndef VICKREY_LOG_INPUT_FILE_H_
#define VICKREY_LOG_INPUT_FILE_H_

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::log {

// A file to read from its start to its end, unpacked on the way if it is compressed by gzip or zstd, which is told from
// its first bytes. Memory is bounded whatever the file.
//
// Not thread-safe.
class InputFile {
 public:
  // INVALID_ARGUMENT if it is no file, NOT_FOUND or UNAVAILABLE naming it if it cannot be opened.
  static absl::StatusOr<std::unique_ptr<InputFile>> Open(const std::filesystem::path& file);
  ~InputFile();

  // The unpacked bytes. It ends early where reading fails: whoever comes to the end asks status().
  std::istream& stream();
  // DATA_LOSS naming the file if what was compressed is cut or damaged, UNAVAILABLE if it could not be read further.
  // (Damage that still unpacks is seen by the checksum, which gzip always has, and zstd where it was asked for one.)
  absl::Status status() const;

  // Of the file itself: how much of it was read, and its size.
  int64_t position() const;
  int64_t size() const;

 private:
  class Source;
  class Gzip;
  class Archive;
  InputFile(std::unique_ptr<Source> source, int64_t size);

  const std::unique_ptr<Source> source_;
  const int64_t size_;
};

// SHA-256 of the unpacked bytes, 64 hexadecimal digits: a compressed copy of a file has the same.
absl::StatusOr<std::string> DigestOfContents(const std::filesystem::path& file);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_INPUT_FILE_H_
