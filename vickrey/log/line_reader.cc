#include "vickrey/log/line_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace vickrey::log {
namespace {

constexpr size_t kFirstBytes = size_t{1} << 14;  // small files cost little

}  // namespace

absl::StatusOr<bool> LineReader::Next(std::string_view* line) {
  size_t searched = 0;  // of what is there, has no line's end
  while (true) {
    const char* const begin = buffer_.data() + begin_;
    const size_t size = end_ - begin_;
    const auto* newline = static_cast<const char*>(std::memchr(begin + searched, '\n', size - searched));
    const bool last = newline == nullptr && ended_;
    if (newline != nullptr || last) {
      if (last && size == 0) return false;
      const size_t length = last ? size : static_cast<size_t>(newline - begin);
      *line = {begin, length};
      if (line->ends_with('\r')) line->remove_suffix(1);
      begin_ += length + (last ? 0 : 1);
      ++line_;
      return true;
    }
    if (size > kMaxLineBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("line ", line_ + 1, " is longer than ", kMaxLineBytes, " bytes"));
    }
    searched = size;
    if (begin_ > 0) std::memmove(buffer_.data(), begin, size);
    begin_ = 0;
    end_ = size;
    buffer_.resize(std::clamp(2 * buffer_.size(), kFirstBytes, 2 * kMaxLineBytes));
    in_.read(buffer_.data() + end_, static_cast<std::streamsize>(buffer_.size() - end_));
    end_ += static_cast<size_t>(in_.gcount());
    ended_ = in_.gcount() == 0;
  }
}

void SplitLine(std::string_view line, char delimiter, std::vector<std::string_view>* values) {
  values->clear();
  const char* begin = line.data();
  const char* const end = begin + line.size();
  // Values are short: a loop is faster than a call for each.
  for (const char* at = begin; at != end; ++at) {
    if (*at != delimiter) continue;
    values->emplace_back(begin, at - begin);
    begin = at + 1;
  }
  values->emplace_back(begin, end - begin);
}

}  // namespace vickrey::log
