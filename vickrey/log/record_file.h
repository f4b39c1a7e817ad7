// RocksDB's files of records: the write-ahead logs and the MANIFEST, its list of files.
#ifndef VICKREY_LOG_RECORD_FILE_H_
#define VICKREY_LOG_RECORD_FILE_H_

#include <filesystem>

#include "absl/status/status.h"

namespace vickrey::log {

// Checks that no complete record of such a file is damaged: DATA_LOSS naming the file and the place. A file that ends
// within a record is as a crash leaves it, and good: what was being written had not been acknowledged. RocksDB takes a
// damaged length in the last block for such an end and drops what follows without a word; here it is told apart, for
// behind a true end no record follows and none is whole.
//
// What no check can see: a file cut exactly between two records, or within the last one, lacks records that may have
// been acknowledged; nothing in it says so, and what the log counts was cut with them.
//
// The format: blocks of 32 KiB, each a sequence of fragments `masked crc32c:4 length:2 type:1 bytes`, little-endian,
// type 1 whole, 2 first, 3 middle, 4 last; a rest of under 7 bytes is zeros. A file with other types is left to
// RocksDB.
absl::Status CheckRecordFile(const std::filesystem::path& file);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_RECORD_FILE_H_
