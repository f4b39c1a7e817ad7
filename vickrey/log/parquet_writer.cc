#include "vickrey/log/parquet_writer.h"

#include <fcntl.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "arrow/array/array_nested.h"
#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_nested.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/builder.h"
#include "arrow/io/file.h"
#include "arrow/memory_pool.h"
#include "arrow/record_batch.h"
#include "arrow/table.h"
#include "arrow/util/key_value_metadata.h"
#include "parquet/arrow/writer.h"
#include "parquet/properties.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/log/arrow_status.h"
#include "vickrey/log/parquet_schema.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr int64_t kGroupBytes = int64_t{64} << 20;
constexpr int64_t kGroupRows = 100'000;

// Appends to one column what a message, or a feature's value, has for it.
using AppendField = std::function<arrow::Status(const Message&)>;
using AppendValue = std::function<arrow::Status(const Value&)>;

bool IsJson(const arrow::Field& column) {
  return column.metadata() != nullptr && column.metadata()->Contains(kJsonKey);
}

AppendValue FeatureColumn(const arrow::Field& column, arrow::ArrayBuilder* builder) {
  if (IsJson(column)) {
    return [to = static_cast<arrow::StringBuilder*>(builder)](const Value& value) {
      return to->Append(base::ToJson(value));
    };
  }
  switch (column.type()->id()) {
    case arrow::Type::DOUBLE:
      return [to = static_cast<arrow::DoubleBuilder*>(builder)](const Value& value) {
        return to->Append(value.number_value());
      };
    case arrow::Type::LIST: {
      auto* list = static_cast<arrow::ListBuilder*>(builder);
      return [list, to = static_cast<arrow::StringBuilder*>(list->value_builder())](const Value& value) {
        ARROW_RETURN_NOT_OK(list->Append());
        for (const Value& member : value.list_value().values()) ARROW_RETURN_NOT_OK(to->Append(member.string_value()));
        return arrow::Status::OK();
      };
    }
    default:
      return [to = static_cast<arrow::StringBuilder*>(builder)](const Value& value) {
        return to->Append(value.string_value());
      };
  }
}

// Named features, each field in a column of its own.
std::function<arrow::Status(const Struct&)> NamedColumns(const arrow::DataType& type, arrow::StructBuilder* builder) {
  struct Member {
    std::string name;
    AppendValue append;
    arrow::ArrayBuilder* builder;
  };
  std::vector<Member> members;
  for (int i = 0; i < type.num_fields(); ++i) {
    arrow::ArrayBuilder* member = builder->field_builder(i);
    members.push_back({type.field(i)->name(), FeatureColumn(*type.field(i), member), member});
  }
  return [builder, members = std::move(members)](const Struct& named) {
    ARROW_RETURN_NOT_OK(builder->Append());
    for (const Member& member : members) {
      const auto it = named.fields().find(member.name);
      ARROW_RETURN_NOT_OK(it == named.fields().end() ? member.builder->AppendNull() : member.append(it->second));
    }
    return arrow::Status::OK();
  };
}

// A number, or a list of them.
template <typename T, typename Builder>
AppendField NumberColumn(const FieldDescriptor& field,
                         T (Reflection::*get)(const Message&, const FieldDescriptor*) const,
                         arrow::ArrayBuilder* builder) {
  if (field.is_repeated()) {
    auto* list = static_cast<arrow::ListBuilder*>(builder);
    return [&field, list, to = static_cast<Builder*>(list->value_builder())](const Message& message) {
      ARROW_RETURN_NOT_OK(list->Append());
      for (const T value : message.GetReflection()->GetRepeatedFieldRef<T>(message, &field)) {
        ARROW_RETURN_NOT_OK(to->Append(static_cast<typename Builder::value_type>(value)));
      }
      return arrow::Status::OK();
    };
  }
  return [&field, get, to = static_cast<Builder*>(builder)](const Message& message) {
    const Reflection& reflection = *message.GetReflection();
    if (field.has_presence() && !reflection.HasField(message, &field)) return to->AppendNull();
    return to->Append(static_cast<typename Builder::value_type>((reflection.*get)(message, &field)));
  };
}

AppendField MessageColumns(const google::protobuf::Descriptor& message, const arrow::DataType& type,
                           arrow::StructBuilder* builder);

AppendField Column(const FieldDescriptor& field, const arrow::Field& column, arrow::ArrayBuilder* builder) {
  const auto& type = *column.type();
  if (field.message_type() == Struct::descriptor()) {
    std::function<arrow::Status(const Struct&)> append;
    if (IsJson(column)) {
      append = [to = static_cast<arrow::StringBuilder*>(builder)](const Struct& named) {
        return to->Append(base::ToJson(named));
      };
    } else {
      append = NamedColumns(type, static_cast<arrow::StructBuilder*>(builder));
    }
    return [&field, builder, append = std::move(append)](const Message& message) {
      const Reflection& reflection = *message.GetReflection();
      if (!reflection.HasField(message, &field)) return builder->AppendNull();
      return append(static_cast<const Struct&>(reflection.GetMessage(message, &field)));
    };
  }
  if (field.message_type() != nullptr && field.is_repeated()) {
    auto* list = static_cast<arrow::ListBuilder*>(builder);
    const AppendField append = MessageColumns(*field.message_type(), *type.field(0)->type(),
                                              static_cast<arrow::StructBuilder*>(list->value_builder()));
    return [&field, list, append](const Message& message) {
      const Reflection& reflection = *message.GetReflection();
      ARROW_RETURN_NOT_OK(list->Append());
      for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        ARROW_RETURN_NOT_OK(append(reflection.GetRepeatedMessage(message, &field, i)));
      }
      return arrow::Status::OK();
    };
  }
  if (field.message_type() != nullptr) {
    const AppendField append = MessageColumns(*field.message_type(), type, static_cast<arrow::StructBuilder*>(builder));
    return [&field, builder, append](const Message& message) {
      const Reflection& reflection = *message.GetReflection();
      if (!reflection.HasField(message, &field)) return builder->AppendNull();
      return append(reflection.GetMessage(message, &field));
    };
  }
  if (IsTime(field)) return NumberColumn<int64_t, arrow::TimestampBuilder>(field, &Reflection::GetInt64, builder);
  if (IsFlag(field)) return NumberColumn<int32_t, arrow::BooleanBuilder>(field, &Reflection::GetInt32, builder);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return NumberColumn<int32_t, arrow::Int32Builder>(field, &Reflection::GetInt32, builder);
    case FieldDescriptor::CPPTYPE_INT64:
      return NumberColumn<int64_t, arrow::Int64Builder>(field, &Reflection::GetInt64, builder);
    case FieldDescriptor::CPPTYPE_UINT32:
      return NumberColumn<uint32_t, arrow::UInt32Builder>(field, &Reflection::GetUInt32, builder);
    case FieldDescriptor::CPPTYPE_UINT64:
      return NumberColumn<uint64_t, arrow::UInt64Builder>(field, &Reflection::GetUInt64, builder);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberColumn<float, arrow::FloatBuilder>(field, &Reflection::GetFloat, builder);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberColumn<double, arrow::DoubleBuilder>(field, &Reflection::GetDouble, builder);
    default:
      return [&field, to = static_cast<arrow::StringBuilder*>(builder)](const Message& message) {
        const std::string text = message.GetReflection()->GetString(message, &field);
        return text.empty() && !IsRequired(field) ? to->AppendNull() : to->Append(text);
      };
  }
}

AppendField MessageColumns(const google::protobuf::Descriptor& message, const arrow::DataType& type,
                           arrow::StructBuilder* builder) {
  std::vector<AppendField> columns;
  for (int i = 0; i < type.num_fields(); ++i) {
    const arrow::Field& column = *type.field(i);
    columns.push_back(Column(*message.FindFieldByName(column.name()), column, builder->field_builder(i)));
  }
  return [builder, columns = std::move(columns)](const Message& from) {
    ARROW_RETURN_NOT_OK(builder->Append());
    for (const AppendField& append : columns) ARROW_RETURN_NOT_OK(append(from));
    return arrow::Status::OK();
  };
}

}  // namespace

class ParquetWriter::Impl {
 public:
  Impl(std::filesystem::path file, const ParquetLayout& layout)
      : file_(std::move(file)), layout_(layout), schema_(ParquetSchema(layout_)), pool_(arrow::default_memory_pool()) {}

  absl::Status Open() {
    ASSIGN_OR_RETURN(publisher_, base::FilePublisher::Create(file_));
    return CatchArrow(Work(), [this] { return FromArrow(OpenArrow(), Work()); });
  }

  absl::Status Append(const vickrey::v1::LoggedAuction& record) {
    if (!status_.ok()) return status_;
    RETURN_IF_ERROR(layout_.Holds(record));
    status_ = CatchArrow(Work(), [&] { return FromArrow(AppendArrow(record), Work()); });
    if (status_.ok()) ++rows_;
    return status_;
  }

  absl::Status Close() {
    if (!status_.ok()) return status_;
    status_ = CatchArrow(Work(), [this] { return FromArrow(CloseArrow(), Work()); });
    if (status_.ok()) status_ = publisher_->Publish();
    if (!status_.ok()) return status_;
    status_ = absl::FailedPreconditionError(file_.string() + " is closed already");
    return absl::OkStatus();
  }

  int64_t rows() const { return rows_; }

 private:
  ArrowWork Work() const { return {"write", file_, absl::StatusCode::kInternal}; }

  arrow::Status OpenArrow() {
    ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(arrow::struct_(schema_->fields()), &pool_));
    builder_ = std::shared_ptr<arrow::StructBuilder>(static_cast<arrow::StructBuilder*>(builder.release()));
    append_ = MessageColumns(*vickrey::v1::AuctionLine::descriptor(), *builder_->type(), builder_.get());
    const int fd = fcntl(publisher_->fd(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return arrow::Status::IOError("no file descriptor left");
    ARROW_ASSIGN_OR_RAISE(out_, arrow::io::FileOutputStream::Open(fd));
    parquet::WriterProperties::Builder properties;
    properties.compression(parquet::Compression::ZSTD)->enable_dictionary()->enable_page_checksum();
    // Keeps what Parquet has no type for, such as the marks of JSON columns.
    const auto keep_schema = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(writer_, parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), out_,
                                                                    properties.build(), keep_schema));
    return writer_->AddKeyValueMetadata(arrow::KeyValueMetadata::Make({kParquetFormatKey}, {kParquetFormat}));
  }

  arrow::Status AppendArrow(const vickrey::v1::LoggedAuction& record) {
    ARROW_RETURN_NOT_OK(append_(ToLine(record)));
    const bool full = pool_.bytes_allocated() >= kGroupBytes || builder_->length() >= kGroupRows;
    return full ? WriteGroup() : arrow::Status::OK();
  }

  arrow::Status WriteGroup() {
    if (builder_->length() == 0) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto rows, builder_->Finish());
    ARROW_ASSIGN_OR_RAISE(const auto batch, arrow::RecordBatch::FromStructArray(rows));
    ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(schema_, {batch}));
    return writer_->WriteTable(*table, batch->num_rows());
  }

  arrow::Status CloseArrow() {
    ARROW_RETURN_NOT_OK(WriteGroup());
    ARROW_RETURN_NOT_OK(writer_->Close());
    return out_->Close();
  }

  const std::filesystem::path file_;
  const ParquetLayout layout_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::ProxyMemoryPool pool_;  // counts what the rows take
  std::unique_ptr<base::FilePublisher> publisher_;
  std::shared_ptr<arrow::StructBuilder> builder_;  // the rows of the next group
  AppendField append_;                             // an AuctionLine to builder_
  std::shared_ptr<arrow::io::FileOutputStream> out_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  absl::Status status_;  // of the file, once it is lost or closed
  int64_t rows_ = 0;
};

ParquetWriter::ParquetWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParquetWriter::~ParquetWriter() = default;

absl::StatusOr<std::unique_ptr<ParquetWriter>> ParquetWriter::Create(const std::filesystem::path& file,
                                                                     const ParquetLayout& layout) {
  auto impl = std::make_unique<Impl>(file, layout);
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<ParquetWriter>(new ParquetWriter(std::move(impl)));
}

absl::Status ParquetWriter::Append(const vickrey::v1::LoggedAuction& record) { return impl_->Append(record); }
absl::Status ParquetWriter::Close() { return impl_->Close(); }
int64_t ParquetWriter::rows() const { return impl_->rows(); }

}  // namespace vickrey::log
