#include "vickrey/log/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/crc32c.h"
#include "vickrey/base/files.h"

namespace vickrey::log {
namespace {

constexpr size_t kBlock = 32768;
constexpr size_t kHeader = 7;
enum Type : uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint32_t Little32(const char* p) {
  const auto* u = reinterpret_cast<const uint8_t*>(p);
  return u[0] | u[1] << 8 | u[2] << 16 | static_cast<uint32_t>(u[3]) << 24;
}

struct Fragment {
  explicit Fragment(const char* p)
      : crc(Little32(p)),
        length(static_cast<uint8_t>(p[4]) | static_cast<size_t>(static_cast<uint8_t>(p[5])) << 8),
        type(static_cast<uint8_t>(p[6])) {}
  uint32_t crc;  // masked, of type and bytes
  size_t length;
  uint8_t type;
};

// Whether the checksum of the fragment at `at` is right where its length is `length`.
bool Matches(std::string_view block, size_t at, size_t length) {
  return Fragment(block.data() + at).crc == base::MaskCrc(base::Crc32c(block.substr(at + 6, 1 + length)));
}

// Whether a whole fragment starts at `at`.
bool IsWhole(std::string_view block, size_t at) {
  if (at + kHeader > block.size()) return false;
  const Fragment fragment(block.data() + at);
  if (fragment.type < kWhole || fragment.type > kLast || at + kHeader + fragment.length > block.size()) return false;
  return Matches(block, at, fragment.length);
}

// Whether something that was written whole lies in the block from `at`, where no whole fragment starts: one whose
// length is damaged, or a whole one further on.
bool HidesAFragment(std::string_view block, size_t at) {
  if (at + kHeader > block.size()) return false;
  const uint32_t wanted = Fragment(block.data() + at).crc;
  uint32_t crc = base::Crc32c(block.substr(at + 6, 1));
  for (size_t end = at + kHeader;; ++end) {
    if (wanted == base::MaskCrc(crc)) return true;
    if (end == block.size()) break;
    crc = base::Crc32c(block.substr(end, 1), crc);
  }
  for (size_t next = at + 1; next + kHeader <= block.size(); ++next) {
    if (IsWhole(block, next)) return true;
  }
  return false;
}

// Reads a file block by block.
class BlockReader {
 public:
  explicit BlockReader(const std::filesystem::path& file)
      : file_(file), fd_(open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~BlockReader() {
    if (fd_ >= 0) close(fd_);
  }
  BlockReader(const BlockReader&) = delete;
  BlockReader& operator=(const BlockReader&) = delete;

  // The next block, shorter at the end of the file, empty behind it.
  absl::StatusOr<std::string_view> Next() {
    if (fd_ < 0) return base::FileError("open", file_);
    size_t size = 0;
    while (size < kBlock) {
      const ssize_t got = read(fd_, block_ + size, kBlock - size);
      if (got < 0) return base::FileError("read", file_);
      if (got == 0) break;
      size += static_cast<size_t>(got);
    }
    return std::string_view(block_, size);
  }

 private:
  const std::filesystem::path& file_;
  const int fd_;
  char block_[kBlock];
};

}  // namespace

absl::Status CheckRecordFile(const std::filesystem::path& file) {
  BlockReader reader(file);
  bool in_record = false;  // a first fragment came, and not yet the last
  for (size_t start = 0;; start += kBlock) {
    const auto next = reader.Next();
    if (!next.ok()) return next.status();
    const std::string_view block = *next;
    if (block.empty()) return absl::OkStatus();
    const auto damaged = [&](size_t at, std::string_view what) {
      return absl::DataLossError(
          absl::StrCat(file.string(), " is damaged at byte ", start + at, ": ", std::string(what)));
    };
    for (size_t at = 0; at < block.size();) {
      if (kBlock - at < kHeader) {  // the rest of a block
        if (block.substr(at).find_first_not_of('\0') != std::string_view::npos)
          return damaged(at, "padding is not zero");
        break;
      }
      if (!IsWhole(block, at)) {
        static constexpr char kZeros[kHeader] = {};
        const bool whole_header = at + kHeader <= block.size();
        const Fragment fragment(whole_header ? block.data() + at : kZeros);
        const bool zeros = fragment.crc == 0 && fragment.length == 0 && fragment.type == 0;
        if (whole_header && !zeros && at + kHeader + fragment.length <= block.size()) {
          if (fragment.type > kLast && Matches(block, at, fragment.length)) return absl::OkStatus();
          return damaged(at, "a record's checksum is wrong");
        }
        if (block.size() == kBlock || HidesAFragment(block, at)) return damaged(at, "a record's header is wrong");
        return absl::OkStatus();  // cut within a record
      }
      const Fragment fragment(block.data() + at);
      const bool starts = fragment.type == kWhole || fragment.type == kFirst;
      if (starts == in_record) return damaged(at, "a part of a record is missing");
      in_record = fragment.type == kFirst || fragment.type == kMiddle;
      at += kHeader + fragment.length;
    }
  }
}

}  // namespace vickrey::log
