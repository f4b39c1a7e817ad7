#ifndef VICKREY_LOG_TABLE_READER_H_
#define VICKREY_LOG_TABLE_READER_H_

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/log/csv_reader.h"

namespace vickrey::log {

// A CSV file whose columns have names: those of its first row, or given. Not thread-safe; the stream must outlive it.
class TableReader {
 public:
  TableReader(std::istream* in, char delimiter) : csv_(in, delimiter) {}

  // Reads the header, where `names` is empty; takes these names otherwise.
  absl::Status Start(std::vector<std::string> names);

  // Where a column is. INVALID_ARGUMENT naming it and those that there are, or if there are two of that name.
  absl::StatusOr<size_t> Find(std::string_view name) const;
  const std::vector<std::string>& names() const { return names_; }

  // The next row, false at the end. What is wrong with it (not CSV, not as many values as there are names) is in
  // `fault`; reading goes on behind it.
  absl::StatusOr<bool> Next(absl::Status* fault);
  // The last row's value of a column.
  std::string_view operator[](size_t column) const { return row_[column]; }

  // Rows so far, the header not among them, and the last line of the last.
  int64_t rows() const { return rows_; }
  int64_t line() const { return csv_.line(); }

 private:
  CsvReader csv_;
  std::vector<std::string> names_, row_;
  int64_t rows_ = 0;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_TABLE_READER_H_
