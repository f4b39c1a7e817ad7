// rocksdb::Status -> absl::Status: the one place where it is converted.
#ifndef VICKREY_LOG_ROCKSDB_STATUS_H_
#define VICKREY_LOG_ROCKSDB_STATUS_H_

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace vickrey::log {

// Corruption is DATA_LOSS, a full disk RESOURCE_EXHAUSTED, another I/O error or a held lock UNAVAILABLE. The message is
// RocksDB's own, which names the file.
absl::Status FromRocksDb(const rocksdb::Status& status);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_ROCKSDB_STATUS_H_
