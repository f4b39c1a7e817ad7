#ifndef VICKREY_BASE_SHA256_H_
#define VICKREY_BASE_SHA256_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::base {

// SHA-256 (FIPS 180-4) of a stream of bytes, by OpenSSL. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // The digest of all bytes so far, 32 raw bytes; starts over.
  std::string Digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of `bytes` as 64 hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

// The digest of a file as 64 hexadecimal digits. NOT_FOUND or UNAVAILABLE naming the file where it cannot be read.
absl::StatusOr<std::string> Sha256HexOfFile(const std::filesystem::path& file);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_SHA256_H_
