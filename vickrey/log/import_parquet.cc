#include "vickrey/log/import_parquet.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "arrow/array/array_nested.h"
#include "arrow/array/util.h"
#include "arrow/io/file.h"
#include "arrow/memory_pool.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/key_value_metadata.h"
#include "parquet/arrow/reader.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "parquet/properties.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/base/utf8.h"
#include "vickrey/log/arrow_status.h"
#include "vickrey/log/parquet_cells.h"
#include "vickrey/log/parquet_schema.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {
namespace {

using base::InvalidField;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Struct;
using google::protobuf::Value;
using vickrey::v1::AuctionLine;
using vickrey::v1::LoggedAuction;

constexpr int64_t kBatchRows = 64;

// The most that Arrow may take, whatever a damaged file says of its sizes: 4 GiB, and less for a small file, whose
// pages do not unpack to more than a thousand times its size.
int64_t MaxBytes(const std::filesystem::path& file) {
  constexpr int64_t kMost = int64_t{4} << 30, kSmall = int64_t{256} << 20, kRatio = 1000;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error || size > static_cast<uintmax_t>(kMost / kRatio)) return kMost;
  return std::min(kMost, kSmall + kRatio * static_cast<int64_t>(size));
}

// Sets in a message, or a feature's value, what one row of a column holds. Made for the arrays of one batch.
using ReadField = std::function<absl::Status(int64_t row, Message* message)>;
using ReadValue = std::function<absl::Status(int64_t row, Value* value)>;

// A column of one batch.
struct Column {
  std::string at;  // its path in the file, such as candidates.features.x
  const arrow::Field& field;
  std::shared_ptr<arrow::Array> cells;

  bool json() const { return field.metadata() != nullptr && field.metadata()->Contains(kJsonKey); }
  absl::Status WrongType(std::string_view allowed) const {
    return InvalidField(
        at, absl::StrCat("is a column of type ", field.type()->ToString().substr(0, 200), "; ", std::string(allowed)));
  }
};

// An error of a row about what is below `prefix`: "ad_id: is null" becomes "candidates[2].ad_id: is null".
absl::Status Below(const std::string& prefix, const absl::Status& status) {
  const auto field = base::FieldOf(status);
  if (status.ok() || !field.has_value()) return status;
  return InvalidField(prefix + *field, std::string(absl::StripPrefix(status.message(), *field + ": ")));
}

// Puts a value into a field, or behind those of a repeated one.
template <typename T>
using Store = void (Reflection::*)(Message*, const FieldDescriptor*, T) const;

// The values of a column of T; an error for one that does not fit.
template <typename T>
using Cells = std::function<absl::StatusOr<T>(int64_t row)>;

template <typename T>
absl::StatusOr<Cells<T>> WholeCellsOf(const FieldDescriptor& field, const Column& column) {
  WholeCells cells = WholesOf(column.cells);
  if (cells == nullptr && IsTime(field)) cells = TimesOf(column.cells);
  if (cells == nullptr && IsFlag(field)) {
    if (auto flags = FlagsOf(column.cells)) cells = [flags = std::move(flags)](int64_t row) { return flags(row); };
  }
  if (cells == nullptr) {
    return column.WrongType(IsTime(field)   ? "a timestamp is allowed, or an integer of microseconds"
                            : IsFlag(field) ? "booleans and integers are allowed"
                                            : "integers are allowed");
  }
  bool signed_hash = std::is_same_v<T, uint64_t>;
  if (column.cells->type_id() != arrow::Type::INT64) signed_hash = false;
  return [&field, signed_hash, cells = std::move(cells)](int64_t row) -> absl::StatusOr<T> {
    absl::int128 value = cells(row);
    if (signed_hash && value < 0) value += absl::int128(1) << 64;
    if (value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max()) return static_cast<T>(value);
    return InvalidField(
        field.name(), absl::StrCat(static_cast<double>(value), " does not fit; ", std::numeric_limits<T>::min(), " to ",
                                   std::numeric_limits<T>::max(), " are allowed"));
  };
}

template <typename T>
absl::StatusOr<Cells<T>> NumberCellsOf(const FieldDescriptor& field, const Column& column) {
  NumberCells cells = NumbersOf(column.cells);
  if (cells == nullptr) return column.WrongType("float, double and integers are allowed");
  return [&field, cells = std::move(cells)](int64_t row) -> absl::StatusOr<T> {
    const double value = cells(row);
    if (!std::isfinite(value) || std::abs(value) <= std::numeric_limits<T>::max()) return static_cast<T>(value);
    return InvalidField(field.name(), absl::StrCat(value, " does not fit a number of ", 8 * sizeof(T), " bits"));
  };
}

absl::StatusOr<Cells<std::string>> TextCellsOf(const std::string& name, const Column& column) {
  TextCells cells = TextsOf(column.cells);
  if (cells == nullptr) return column.WrongType("texts are allowed");
  return [name, cells = std::move(cells)](int64_t row) -> absl::StatusOr<std::string> {
    const std::string_view text = cells(row);
    if (!base::IsUtf8(text)) return InvalidField(name, "is not UTF-8");
    return std::string(text);
  };
}

// One value of the field in each row.
template <typename T, typename S>
ReadField One(const FieldDescriptor& field, const Column& column, Cells<T> cells, Store<S> store) {
  return [&field, store, array = column.cells, cells = std::move(cells)](int64_t row, Message* message) {
    if (IsNull(*array, row)) {
      return IsRequired(field) ? InvalidField(field.name(), "is null; it is required") : absl::OkStatus();
    }
    ASSIGN_OR_RETURN(T value, cells(row));
    (message->GetReflection()->*store)(message, &field, std::move(value));
    return absl::OkStatus();
  };
}

constexpr std::string_view kAllowedLists = "a list is allowed";

// A list of them; a column whose lists are not lists of T is refused by `cells_of`.
template <typename T, typename CellsOf>
absl::StatusOr<ReadField> Many(const FieldDescriptor& field, const Column& column, CellsOf cells_of, Store<T> store) {
  ListCells lists = ListsOf(column.cells);
  if (lists.values == nullptr) return column.WrongType(kAllowedLists);
  ASSIGN_OR_RETURN(Cells<T> cells,
                   cells_of(field, Column{column.at + "[]", *column.field.type()->field(0), lists.values}));
  return [&field, store, array = column.cells, lists = std::move(lists), cells = std::move(cells)](
             int64_t row, Message* message) -> absl::Status {
    if (IsNull(*array, row)) return absl::OkStatus();
    const auto [begin, end] = lists.range(row);
    for (int64_t i = begin; i < end; ++i) {
      if (IsNull(*lists.values, i)) return InvalidField(absl::StrCat(field.name(), "[", i - begin, "]"), "is null");
      ASSIGN_OR_RETURN(const T value, cells(i));
      (message->GetReflection()->*store)(message, &field, value);
    }
    return absl::OkStatus();
  };
}

template <typename T, typename CellsOf>
absl::StatusOr<ReadField> Numbers(const FieldDescriptor& field, const Column& column, CellsOf cells_of, Store<T> set,
                                  Store<T> add) {
  if (field.is_repeated()) return Many<T>(field, column, cells_of, add);
  ASSIGN_OR_RETURN(Cells<T> cells, cells_of(field, column));
  return One<T>(field, column, std::move(cells), set);
}

// The text of a cell as JSON, in `message`.
absl::Status ReadJson(const std::string& name, std::string_view text, Message* message) {
  const absl::Status read = base::FromJson(text, message);
  return read.ok() ? read : InvalidField(name, absl::StrCat("is not JSON that is taken: ", read.message()));
}

absl::StatusOr<ReadValue> BindFeature(const Column& column) {
  const std::string& name = column.field.name();
  const auto& cells = column.cells;
  if (cells->type_id() == arrow::Type::NA) return [](int64_t, Value*) { return absl::OkStatus(); };
  if (auto texts = TextsOf(cells); texts != nullptr && column.json()) {
    return [name, texts = std::move(texts)](int64_t row, Value* value) { return ReadJson(name, texts(row), value); };
  }
  if (TextsOf(cells) != nullptr) {
    ASSIGN_OR_RETURN(auto texts, TextCellsOf(name, column));
    return [texts = std::move(texts)](int64_t row, Value* value) -> absl::Status {
      ASSIGN_OR_RETURN(*value->mutable_string_value(), texts(row));
      return absl::OkStatus();
    };
  }
  if (auto flags = FlagsOf(cells)) {
    return [flags = std::move(flags)](int64_t row, Value* value) {
      value->set_bool_value(flags(row));
      return absl::OkStatus();
    };
  }
  if (auto numbers = NumbersOf(cells)) {
    return [numbers = std::move(numbers)](int64_t row, Value* value) {
      value->set_number_value(numbers(row));
      return absl::OkStatus();
    };
  }
  if (ListCells lists = ListsOf(cells); lists.values != nullptr && TextsOf(lists.values) != nullptr) {
    ASSIGN_OR_RETURN(auto texts, TextCellsOf(name, Column{column.at, column.field, lists.values}));
    return [lists = std::move(lists), texts = std::move(texts)](int64_t row, Value* value) -> absl::Status {
      auto& members = *value->mutable_list_value();
      const auto [begin, end] = lists.range(row);
      for (int64_t i = begin; i < end; ++i) {
        if (IsNull(*lists.values, i)) {
          members.add_values()->set_null_value(google::protobuf::NULL_VALUE);
        } else {
          ASSIGN_OR_RETURN(*members.add_values()->mutable_string_value(), texts(i));
        }
      }
      return absl::OkStatus();
    };
  }
  return column.WrongType("a feature is a number, a text, a boolean or a list of texts");
}

absl::StatusOr<ReadField> BindNamed(const FieldDescriptor& field, const Column& column) {
  const auto named = [&field](Message* message) {
    return static_cast<Struct*>(message->GetReflection()->MutableMessage(message, &field));
  };
  if (auto texts = TextsOf(column.cells)) {
    return [&field, named, array = column.cells, texts = std::move(texts)](int64_t row, Message* message) {
      return IsNull(*array, row) ? absl::OkStatus() : ReadJson(field.name(), texts(row), named(message));
    };
  }
  if (column.cells->type_id() != arrow::Type::STRUCT) {
    return column.WrongType("a struct with a column for each feature is allowed, or texts that are JSON");
  }
  struct Member {
    std::string name;
    std::shared_ptr<arrow::Array> cells;
    ReadValue read;
  };
  std::vector<Member> members;
  std::set<std::string> names;
  const auto& rows = static_cast<const arrow::StructArray&>(*column.cells);
  for (int i = 0; i < rows.num_fields(); ++i) {
    const arrow::Field& member = *column.field.type()->field(i);
    const std::string at = absl::StrCat(column.at, ".", member.name());
    if (!base::IsUtf8(member.name())) return InvalidField(at, "is a name that is not UTF-8");
    if (!names.insert(member.name()).second) return InvalidField(at, "is there twice");
    ASSIGN_OR_RETURN(ReadValue read, BindFeature(Column{at, member, rows.field(i)}));
    members.push_back({member.name(), rows.field(i), std::move(read)});
  }
  return [&field, named, array = column.cells, members = std::move(members)](int64_t row,
                                                                             Message* message) -> absl::Status {
    if (IsNull(*array, row)) return absl::OkStatus();
    auto& fields = *named(message)->mutable_fields();
    for (const Member& member : members) {
      if (IsNull(*member.cells, row)) continue;
      const absl::Status read = member.read(row, &fields[member.name]);
      if (!read.ok()) return Below(field.name() + ".", read);
    }
    return absl::OkStatus();
  };
}

// All columns of a message: `fields` with `cells`.
absl::StatusOr<ReadField> BindMessage(const Descriptor& message, const std::string& prefix,
                                      const arrow::FieldVector& fields, const arrow::ArrayVector& cells);

absl::StatusOr<ReadField> BindStruct(const Descriptor& message, const Column& column) {
  if (column.cells->type_id() != arrow::Type::STRUCT) return column.WrongType("a struct is allowed");
  const auto& rows = static_cast<const arrow::StructArray&>(*column.cells);
  arrow::ArrayVector cells;
  for (int i = 0; i < rows.num_fields(); ++i) cells.push_back(rows.field(i));
  return BindMessage(message, column.at + ".", column.field.type()->fields(), cells);
}

absl::StatusOr<ReadField> BindList(const FieldDescriptor& field, const Column& column) {
  ListCells lists = ListsOf(column.cells);
  if (lists.values == nullptr) return column.WrongType("a list of structs is allowed");
  ASSIGN_OR_RETURN(ReadField read,
                   BindStruct(*field.message_type(), Column{column.at, *column.field.type()->field(0), lists.values}));
  return [&field, array = column.cells, lists = std::move(lists), read = std::move(read)](
             int64_t row, Message* message) -> absl::Status {
    if (IsNull(*array, row)) {
      return IsRequired(field) ? InvalidField(field.name(), "is null; it is required") : absl::OkStatus();
    }
    const auto [begin, end] = lists.range(row);
    for (int64_t i = begin; i < end; ++i) {
      if (IsNull(*lists.values, i)) return InvalidField(absl::StrCat(field.name(), "[", i - begin, "]"), "is null");
      const absl::Status member = read(i, message->GetReflection()->AddMessage(message, &field));
      if (!member.ok()) return Below(absl::StrCat(field.name(), "[", i - begin, "]."), member);
    }
    return absl::OkStatus();
  };
}

absl::StatusOr<ReadField> BindField(const FieldDescriptor& field, const Column& column) {
  if (column.cells->type_id() == arrow::Type::NA && !IsRequired(field)) {
    return [](int64_t, Message*) { return absl::OkStatus(); };
  }
  if (field.message_type() == Struct::descriptor()) return BindNamed(field, column);
  if (field.message_type() != nullptr && field.is_repeated()) return BindList(field, column);
  if (field.message_type() != nullptr) {
    ASSIGN_OR_RETURN(ReadField read, BindStruct(*field.message_type(), column));
    return [&field, array = column.cells, read = std::move(read)](int64_t row, Message* message) {
      if (IsNull(*array, row)) return absl::OkStatus();
      return Below(field.name() + ".", read(row, message->GetReflection()->MutableMessage(message, &field)));
    };
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Numbers<int32_t>(field, column, &WholeCellsOf<int32_t>, &Reflection::SetInt32, &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return Numbers<int64_t>(field, column, &WholeCellsOf<int64_t>, &Reflection::SetInt64, &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Numbers<uint32_t>(field, column, &WholeCellsOf<uint32_t>, &Reflection::SetUInt32, &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Numbers<uint64_t>(field, column, &WholeCellsOf<uint64_t>, &Reflection::SetUInt64, &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Numbers<float>(field, column, &NumberCellsOf<float>, &Reflection::SetFloat, &Reflection::AddFloat);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Numbers<double>(field, column, &NumberCellsOf<double>, &Reflection::SetDouble, &Reflection::AddDouble);
    default: {
      ASSIGN_OR_RETURN(auto texts, TextCellsOf(field.name(), column));
      return One<std::string, std::string>(field, column, std::move(texts), &Reflection::SetString);
    }
  }
}

absl::StatusOr<ReadField> BindMessage(const Descriptor& message, const std::string& prefix,
                                      const arrow::FieldVector& fields, const arrow::ArrayVector& cells) {
  std::set<std::string> names;
  std::vector<ReadField> columns;
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string& name = fields[i]->name();
    const FieldDescriptor* field = message.FindFieldByName(name);
    if (field == nullptr) {
      std::string known;
      for (int k = 0; k < message.field_count(); ++k) {
        absl::StrAppend(&known, k == 0 ? "" : ", ", message.field(k)->name());
      }
      return InvalidField(prefix + name.substr(0, 128), "is not a column of a log; known: " + known);
    }
    if (!names.insert(name).second) return InvalidField(prefix + name, "is there twice");
    if (!IsColumn(*field)) continue;
    ASSIGN_OR_RETURN(ReadField read, BindField(*field, Column{prefix + name, *fields[i], cells[i]}));
    columns.push_back(std::move(read));
  }
  for (int k = 0; k < message.field_count(); ++k) {
    const FieldDescriptor& field = *message.field(k);
    if (IsRequired(field) && names.count(field.name()) == 0) {
      return InvalidField(prefix + field.name(), "is a column that must be there");
    }
  }
  return [columns = std::move(columns)](int64_t row, Message* to) {
    for (const ReadField& read : columns) RETURN_IF_ERROR(read(row, to));
    return absl::OkStatus();
  };
}

class ParquetImporter final : public Importer {
 public:
  explicit ParquetImporter(std::filesystem::path file)
      : file_(std::move(file)), pool_(arrow::default_memory_pool(), MaxBytes(file_)) {}

  absl::Status Open() {
    const ArrowWork work{"read as Parquet", file_, absl::StatusCode::kInvalidArgument};
    return CatchArrow(work, [&]() -> absl::Status {
      RETURN_IF_ERROR(FromArrow(OpenArrow(), work));
      // Binding columns without rows checks their names and types.
      arrow::ArrayVector cells;
      for (const auto& field : schema_->fields()) {
        auto empty = arrow::MakeEmptyArray(field->type());
        if (!empty.ok()) return Column{field->name(), *field, nullptr}.WrongType("which is not supported");
        cells.push_back(*empty);
      }
      return Bind(cells);
    });
  }

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    while (failed_.ok()) {
      if (batch_ == nullptr || row_ == batch_->num_rows()) {
        const auto more = NextBatch();
        failed_ = more.status();
        if (failed_.ok() && !*more) return false;
        continue;
      }
      AuctionLine line;
      const absl::Status status = read_(row_, &line);
      ++row_;
      ++rows_;
      auto read = status.ok() ? FromLine(line) : status;
      if (read.ok()) {
        *record = *std::move(read);
        return true;
      }
      RETURN_IF_ERROR(reject(rows_, read.status()));
    }
    return failed_;
  }

  int64_t rows() const override { return rows_; }
  int64_t line() const override { return rows_; }

 private:
  arrow::Status OpenArrow() {
    ARROW_ASSIGN_OR_RAISE(const auto in, arrow::io::ReadableFile::Open(file_.string(), &pool_));
    parquet::ReaderProperties properties(&pool_);
    properties.enable_buffered_stream();  // pages as they are needed, not whole columns of a row group
    properties.set_page_checksum_verification(true);
    parquet::ArrowReaderProperties arrow_properties;
    arrow_properties.set_use_threads(false);
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_batch_size(kBatchRows);
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(in, properties));
    ARROW_ASSIGN_OR_RAISE(reader_, builder.memory_pool(&pool_)->properties(arrow_properties)->Build());
    return reader_->GetSchema(&schema_);
  }

  absl::Status Bind(const arrow::ArrayVector& cells) {
    ASSIGN_OR_RETURN(read_, BindMessage(*AuctionLine::descriptor(), "", schema_->fields(), cells));
    return absl::OkStatus();
  }

  // False at the end of the file.
  absl::StatusOr<bool> NextBatch() {
    const ArrowWork work{"read on in", file_, absl::StatusCode::kDataLoss};
    return CatchArrow(work, [&]() -> absl::StatusOr<bool> {
      RETURN_IF_ERROR(FromArrow(NextArrow(), work));
      row_ = 0;
      if (batch_ == nullptr) return false;
      RETURN_IF_ERROR(FromArrow(batch_->Validate(), work));
      RETURN_IF_ERROR(Bind(batch_->columns()));
      return true;
    });
  }

  // The next batch with rows, nullptr at the end.
  arrow::Status NextArrow() {
    batch_ = nullptr;
    while (true) {
      if (group_ != nullptr) ARROW_RETURN_NOT_OK(group_->ReadNext(&batch_));
      if (batch_ != nullptr) {
        group_rows_ -= batch_->num_rows();
        if (batch_->num_rows() > 0) return arrow::Status::OK();
        continue;
      }
      // Arrow passes over pages of a kind that it does not know, and with them over their rows.
      if (group_rows_ != 0)
        return arrow::Status::Invalid("row group ", next_group_, " does not have the rows that it says it has");
      if (next_group_ == reader_->num_row_groups()) return arrow::Status::OK();
      group_rows_ = reader_->parquet_reader()->metadata()->RowGroup(next_group_)->num_rows();
      ARROW_ASSIGN_OR_RAISE(group_, reader_->GetRecordBatchReader({next_group_++}));
    }
  }

  const std::filesystem::path file_;
  arrow::CappedMemoryPool pool_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
  int next_group_ = 0;
  std::unique_ptr<arrow::RecordBatchReader> group_;  // the row group that is being read
  int64_t group_rows_ = 0;                           // those of group_ that are to come
  std::shared_ptr<arrow::RecordBatch> batch_;
  ReadField read_;   // a row of batch_
  int64_t row_ = 0;  // the next of batch_
  int64_t rows_ = 0;
  absl::Status failed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeParquetImporter(const std::filesystem::path& file) {
  auto importer = std::make_unique<ParquetImporter>(file);
  RETURN_IF_ERROR(importer->Open());
  return importer;
}

}  // namespace vickrey::log
