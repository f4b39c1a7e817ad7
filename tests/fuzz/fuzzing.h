// What the fuzzers have in common: saying that a property is broken, and a file to hand to code that reads files.
#ifndef TESTS_FUZZ_FUZZING_H_
#define TESTS_FUZZ_FUZZING_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

// The entry point of every fuzzer: libFuzzer's, or that of replay_main.cc. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace vickrey::fuzz {

// Ends the program as a crash does where a property does not hold, so that the input is kept.
inline void Require(bool holds, std::string_view property) {
  if (holds) return;
  std::fprintf(stderr, "BROKEN: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

// A file without a place on a disk, written anew for each input. Not thread-safe.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("fuzz", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_)) {
    Require(fd_ >= 0, "there is memory for a file");
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void Write(std::string_view bytes) {
    Require(ftruncate(fd_, 0) == 0 && pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
            "the file can be written");
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  const int fd_;
  const std::filesystem::path path_;
};

// Takes an input apart from its front. What is asked for behind its end is 0 or empty.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  uint8_t Byte() { return rest_.empty() ? uint8_t{0} : static_cast<uint8_t>(Take(1)[0]); }
  // Which of n cases, told by a byte: '0' is the first, so that inputs can be written by hand.
  size_t Case(size_t n) { return static_cast<uint8_t>(Byte() - '0') % n; }
  uint16_t Number() {
    const uint8_t low = Byte();
    return static_cast<uint16_t>(low | Byte() << 8);
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // Up to the next such byte, which is left out.
  std::string_view TakeUntil(char end) {
    const size_t at = rest_.find(end);
    const std::string_view taken = Take(at == std::string_view::npos ? rest_.size() : at);
    Take(1);
    return taken;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace vickrey::fuzz

#endif  // TESTS_FUZZ_FUZZING_H_
