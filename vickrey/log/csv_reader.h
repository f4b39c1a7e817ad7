#ifndef VICKREY_LOG_CSV_READER_H_
#define VICKREY_LOG_CSV_READER_H_

#include <cstdint>
#include <deque>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/log/line_reader.h"

namespace vickrey::log {

// Rows of a CSV file (RFC 4180: quotes, line breaks inside them; any delimiter), by libcsv. Blank lines are skipped.
// Not thread-safe; the stream must outlive it.
class CsvReader {
 public:
  // A longer row is refused, so that a quote that is never closed costs no more memory than this.
  static constexpr size_t kMaxRowBytes = LineReader::kMaxLineBytes;

  explicit CsvReader(std::istream* in, char delimiter = ',');
  ~CsvReader();

  // The next row, false at the end. INVALID_ARGUMENT for one that is not CSV: line() is then where that was seen, and
  // reading goes on with the line behind it. RESOURCE_EXHAUSTED for a line that is too long, which ends the reading.
  absl::StatusOr<bool> Next(std::vector<std::string>* row);
  // The last line of the last row, from 1.
  int64_t line() const { return line_; }

 private:
  struct Parser;
  struct Row {
    std::vector<std::string> fields;
    int64_t line;
  };

  absl::Status Restart(std::string_view why);

  LineReader lines_;
  const char delimiter_;
  std::unique_ptr<Parser> parser_;
  std::deque<Row> rows_;  // parsed and not yet delivered
  std::vector<std::string> fields_;
  size_t row_bytes_ = 0;  // of the row that is being read
  int64_t line_ = 0;
  bool ended_ = false;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_CSV_READER_H_
