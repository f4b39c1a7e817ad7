#include "vickrey/log/csv_reader.h"

#include <csv.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace vickrey::log {

struct CsvReader::Parser {
  Parser() { csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI); }
  ~Parser() { csv_free(&csv); }
  csv_parser csv;

  static void OnField(void* data, size_t size, void* reader) {
    static_cast<CsvReader*>(reader)->fields_.emplace_back(static_cast<const char*>(data), size);
  }
  static void OnRow(int, void* reader) {
    auto* self = static_cast<CsvReader*>(reader);
    self->rows_.push_back({std::exchange(self->fields_, {}), self->read_line_});
  }
};

CsvReader::CsvReader(std::istream* in) : in_(*in), parser_(std::make_unique<Parser>()) {}
CsvReader::~CsvReader() = default;

absl::StatusOr<bool> CsvReader::Next(std::vector<std::string>* row) {
  std::string text;
  while (rows_.empty() && !ended_) {
    const bool more = static_cast<bool>(std::getline(in_, text));
    if (more) {
      ++read_line_;
      text.push_back('\n');
    }
    const bool good =
        more ? csv_parse(&parser_->csv, text.data(), text.size(), &Parser::OnField, &Parser::OnRow, this) == text.size()
             : csv_fini(&parser_->csv, &Parser::OnField, &Parser::OnRow, this) == 0;
    if (!more) ended_ = true;
    if (!good) {
      ended_ = true;
      line_ = read_line_;
      return absl::InvalidArgumentError(absl::StrCat("not CSV: ", csv_strerror(csv_error(&parser_->csv))));
    }
  }
  if (rows_.empty()) return false;
  *row = std::move(rows_.front().fields);
  line_ = rows_.front().line;
  rows_.pop_front();
  return true;
}

}  // namespace vickrey::log
