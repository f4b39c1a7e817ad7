#ifndef VICKREY_LOG_PARQUET_WRITER_H_
#define VICKREY_LOG_PARQUET_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/log/parquet_layout.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::log {

// Writes records to a Parquet file, one row for each auction, that other tools read as it is: typed columns
// (parquet_schema.h), zstd, dictionaries, a checksum for each page. What MakeParquetImporter reads from it is the
// record, but for what no line of a log holds either: a bid unit of CLICK that is written out, and `candidates` of a
// LoggedAuction that is empty rather than a message without content for each. In columns of JSON, NaN and infinities
// become texts, and more than 32 levels are not read back. The same records in the same order give the same bytes.
//   1. Create, with a layout that has observed every record;
//   2. Append each record;
//   3. Close, which puts the file in its place. Destroyed before, nothing is left behind.
//
// Memory is that of one row group: rows are written as soon as they take 64 MiB in Arrow's form, or are 100,000.
// Not thread-safe.
class ParquetWriter {
 public:
  // NOT_FOUND if the folder does not exist; other errors as of base::FileError, naming the file.
  static absl::StatusOr<std::unique_ptr<ParquetWriter>> Create(const std::filesystem::path& file,
                                                               const ParquetLayout& layout);
  ~ParquetWriter();
  ParquetWriter(const ParquetWriter&) = delete;
  ParquetWriter& operator=(const ParquetWriter&) = delete;

  // FAILED_PRECONDITION naming the field if the layout has no place for the record, which is then left out. After any
  // other error (a full disk) the file is lost, and this and Close give that error again.
  absl::Status Append(const vickrey::v1::LoggedAuction& record);
  // The file is in its place, replacing what was there, and on disk; on failure what was there still is. Closing twice
  // is FAILED_PRECONDITION.
  absl::Status Close();

  // Records appended.
  int64_t rows() const;

 private:
  class Impl;  // everything of Arrow

  explicit ParquetWriter(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_PARQUET_WRITER_H_
