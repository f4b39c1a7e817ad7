// Lines of a text, and the values in them, for logs of so many rows that a general splitter takes half of the time.
#ifndef VICKREY_LOG_LINE_READER_H_
#define VICKREY_LOG_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace vickrey::log {

// The lines of a text, without their ends ("\n" or "\r\n"). Not thread-safe; the stream must outlive it.
class LineReader {
 public:
  // A longer line is refused, so that memory stays bounded whatever the input.
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  explicit LineReader(std::istream* in) : in_(*in) {}

  // The next line, valid until the next call; false at the end. RESOURCE_EXHAUSTED for one that is too long, which ends
  // the reading.
  absl::StatusOr<bool> Next(std::string_view* line);
  // The number of the last line, from 1.
  int64_t line() const { return line_; }

 private:
  std::istream& in_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;  // of what was read and not yet delivered
  bool ended_ = false;
  int64_t line_ = 0;
};

// The values of a line between the delimiters, one more than there are of these; `values` is replaced.
void SplitLine(std::string_view line, char delimiter, std::vector<std::string_view>* values);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_LINE_READER_H_
