#ifndef VICKREY_LOG_CSV_READER_H_
#define VICKREY_LOG_CSV_READER_H_

#include <cstdint>
#include <deque>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vickrey::log {

// Rows of a CSV file (RFC 4180: quotes, line breaks inside them), by libcsv. Not thread-safe; the stream must outlive
// it.
class CsvReader {
 public:
  explicit CsvReader(std::istream* in);
  ~CsvReader();

  // The next row, false at the end. INVALID_ARGUMENT at an end inside quotes.
  absl::StatusOr<bool> Next(std::vector<std::string>* row);
  // The last line of the last row, from 1.
  int64_t line() const { return line_; }

 private:
  struct Parser;
  struct Row {
    std::vector<std::string> fields;
    int64_t line;
  };

  std::istream& in_;
  std::unique_ptr<Parser> parser_;
  std::deque<Row> rows_;  // parsed and not yet delivered
  std::vector<std::string> fields_;
  int64_t read_line_ = 0;
  int64_t line_ = 0;
  bool ended_ = false;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_CSV_READER_H_
