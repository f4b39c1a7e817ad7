// Protobuf messages as JSON, one a line: the format of every program's input and output.
#ifndef VICKREY_BASE_JSON_H_
#define VICKREY_BASE_JSON_H_

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace vickrey::base {

// proto3 JSON on one line, without a newline: snake_case names, every field in the order of its number, int64 as
// strings, doubles with as many digits as bring back the same bits, null for a field that is not set and could be told
// apart from its default. Map keys are sorted. Protobuf's own printer leaves unset fields out; otherwise the two agree.
//
// Equal messages give equal bytes.
std::string ToJson(const google::protobuf::Message& message);

// Parts of such a line, as ToJson writes them, for lines so many that a message for each costs too much: a text in its
// quotes, a number.
void AppendJsonText(std::string_view text, std::string* out);
void AppendJsonNumber(double value, std::string* out);

// Reads proto3 JSON: snake_case names, int64 as texts or numbers, null for unset. Strict: unknown and repeated keys,
// null inside a list, a wrong type, more than 32 levels, anything that is not RFC 8259 are INVALID_ARGUMENT, about the
// field where there is one ("candidates[1].bid_micros"). On failure `message` is as it was.
absl::Status FromJson(std::string_view json, google::protobuf::Message* message);

// Reads JSON Lines. Not thread-safe; `in` must outlive it.
class JsonLineReader {
 public:
  // A longer line is refused, so that memory stays bounded whatever the input.
  static constexpr size_t kMaxLineBytes = size_t{64} << 20;

  explicit JsonLineReader(std::istream* in) : in_(*in) {}

  // Reads the next line into `message`; false at the end of the input. Blank lines are skipped. After an error, line()
  // is the line at fault and reading goes on behind it.
  absl::StatusOr<bool> Next(google::protobuf::Message* message);

  // The number of the last line read, from 1.
  int64_t line() const { return line_; }

 private:
  absl::StatusOr<bool> ReadLine();

  std::istream& in_;
  std::string text_;
  int64_t line_ = 0;
};

// An error as the line that programs write to stderr: {"error":{"code","message","line","field"}}.
std::string ErrorLine(const absl::Status& status);

// `text` with bytes that are not UTF-8 replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

// The fields of a message, each with its value as in ToJson: for tables.
std::vector<std::pair<std::string, std::string>> JsonFields(const google::protobuf::Message& message);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_JSON_H_
