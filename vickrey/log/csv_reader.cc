#include "vickrey/log/csv_reader.h"

#include <csv.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::log {

struct CsvReader::Parser {
  explicit Parser(char delimiter) {
    csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_delim(&csv, static_cast<unsigned char>(delimiter));
    // A tab is a value's like any other character but for the delimiter.
    csv_set_space_func(&csv, [](unsigned char) { return 0; });
  }
  ~Parser() { csv_free(&csv); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  csv_parser csv;

  static void OnField(void* data, size_t size, void* reader) {
    static_cast<CsvReader*>(reader)->fields_.emplace_back(static_cast<const char*>(data), size);
  }
  static void OnRow(int, void* reader) {
    auto* self = static_cast<CsvReader*>(reader);
    self->rows_.push_back({std::exchange(self->fields_, {}), self->lines_.line()});
    self->row_bytes_ = 0;
  }
};

CsvReader::CsvReader(std::istream* in, char delimiter)
    : lines_(in), delimiter_(delimiter), parser_(std::make_unique<Parser>(delimiter)) {}
CsvReader::~CsvReader() = default;

absl::Status CsvReader::Restart(std::string_view why) {
  parser_ = std::make_unique<Parser>(delimiter_);
  fields_.clear();
  row_bytes_ = 0;
  line_ = lines_.line();
  return absl::InvalidArgumentError(absl::StrCat("not CSV: ", std::string(why)));
}

absl::StatusOr<bool> CsvReader::Next(std::vector<std::string>* row) {
  while (rows_.empty() && !ended_) {
    std::string_view text;
    ASSIGN_OR_RETURN(const bool more, lines_.Next(&text));
    csv_parser* const csv = &parser_->csv;
    bool good = true;
    if (more) {
      row_bytes_ += text.size() + 1;
      if (row_bytes_ > kMaxRowBytes) return Restart(absl::StrCat("a row has more than ", kMaxRowBytes, " bytes"));
      good = csv_parse(csv, text.data(), text.size(), &Parser::OnField, &Parser::OnRow, this) == text.size() &&
             csv_parse(csv, "\n", 1, &Parser::OnField, &Parser::OnRow, this) == 1;
    } else {
      ended_ = true;
      good = csv_fini(csv, &Parser::OnField, &Parser::OnRow, this) == 0;
    }
    if (!good) return Restart(csv_strerror(csv_error(csv)));
  }
  if (rows_.empty()) return false;
  *row = std::move(rows_.front().fields);
  line_ = rows_.front().line;
  rows_.pop_front();
  return true;
}

}  // namespace vickrey::log
