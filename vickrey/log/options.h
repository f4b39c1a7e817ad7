#ifndef VICKREY_LOG_OPTIONS_H_
#define VICKREY_LOG_OPTIONS_H_

#include <cstddef>

namespace rocksdb {
class Env;
}

namespace vickrey::log {

// How a log is kept. A log can be opened with other options than it was made with; what is on disk stays readable.
struct LogOptions {
  enum class Compression { kNone, kZstd };

  // Of data at rest; kZstd: LZ4 for what was just written out, zstd for what stays. kNone: three to four times the
  // bytes for features by name, a quarter more for encoded ones, and no time spent on it.
  Compression compression = Compression::kZstd;
  // What is kept in memory before it is written out as a file, in bytes, 64 KiB or more. More: fewer, larger files;
  // less: a log opens faster after a crash, for what was not written out is read again from the write-ahead log.
  size_t write_buffer_bytes = size_t{32} << 20;
  // Blocks of files kept in memory, in bytes.
  size_t block_cache_bytes = size_t{32} << 20;
  // Where files are; not owned, must outlive the log. Default: this machine's. For tests that put faults below it.
  rocksdb::Env* env = nullptr;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_OPTIONS_H_
