#include "vickrey/log/parquet_schema.h"

#include <google/protobuf/struct.pb.h>

#include <string>
#include <utility>

#include "arrow/type.h"
#include "arrow/util/key_value_metadata.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using vickrey::v1::AuctionLine;
using vickrey::v1::CandidateLine;
using vickrey::v1::EncodedFeatures;

std::shared_ptr<arrow::Field> JsonField(const std::string& name) {
  return arrow::field(name, arrow::utf8(), true, arrow::KeyValueMetadata::Make({kJsonKey}, {"1"}));
}

std::shared_ptr<arrow::Field> FeatureField(const std::string& name, ParquetLayout::Kind kind) {
  switch (kind) {
    case ParquetLayout::Kind::kNumber:
      return arrow::field(name, arrow::float64());
    case ParquetLayout::Kind::kText:
      return arrow::field(name, arrow::utf8());
    case ParquetLayout::Kind::kTexts:
      return arrow::field(name, arrow::list(arrow::field("element", arrow::utf8(), false)));
    case ParquetLayout::Kind::kJson:
      break;
  }
  return JsonField(name);
}

std::shared_ptr<arrow::DataType> ScalarType(const FieldDescriptor& field) {
  if (IsTime(field)) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  if (IsFlag(field)) return arrow::boolean();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return arrow::int32();
    case FieldDescriptor::CPPTYPE_INT64:
      return arrow::int64();
    case FieldDescriptor::CPPTYPE_UINT32:
      return arrow::uint32();
    case FieldDescriptor::CPPTYPE_UINT64:
      return arrow::uint64();
    case FieldDescriptor::CPPTYPE_FLOAT:
      return arrow::float32();
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return arrow::float64();
    default:
      return arrow::utf8();
  }
}

arrow::FieldVector Fields(const Descriptor& message, const ParquetLayout& layout);

// nullptr: no record has it.
std::shared_ptr<arrow::Field> ColumnOf(const FieldDescriptor& field, const ParquetLayout& layout) {
  const auto& side = field.containing_type() == AuctionLine::descriptor() ? layout.context() : layout.candidate();
  const bool nullable = !IsRequired(field);
  std::shared_ptr<arrow::DataType> type;
  if (field.message_type() == google::protobuf::Struct::descriptor()) {
    if (!side.named) return nullptr;
    if (side.AsJson()) return JsonField(field.name());
    arrow::FieldVector members;
    for (const auto& [name, kind] : side.fields) members.push_back(FeatureField(name, kind));
    type = arrow::struct_(members);
  } else if (field.message_type() != nullptr) {
    if (field.message_type() == EncodedFeatures::descriptor() && !side.encoded) return nullptr;
    type = arrow::struct_(Fields(*field.message_type(), layout));
  } else {
    type = ScalarType(field);
  }
  if (field.is_repeated()) type = arrow::list(arrow::field("element", type, false));
  return arrow::field(field.name(), type, nullable);
}

arrow::FieldVector Fields(const Descriptor& message, const ParquetLayout& layout) {
  arrow::FieldVector fields;
  for (int i = 0; i < message.field_count(); ++i) {
    if (!IsColumn(*message.field(i))) continue;
    if (auto column = ColumnOf(*message.field(i), layout)) fields.push_back(std::move(column));
  }
  return fields;
}

}  // namespace

bool IsColumn(const FieldDescriptor& field) {
  return &field != AuctionLine::descriptor()->FindFieldByNumber(AuctionLine::kCursorFieldNumber);
}

bool IsRequired(const FieldDescriptor& field) {
  const auto is = [&field](const Descriptor* message, int number) {
    return field.containing_type() == message && field.number() == number;
  };
  return is(AuctionLine::descriptor(), AuctionLine::kAuctionIdFieldNumber) ||
         is(AuctionLine::descriptor(), AuctionLine::kEventTimeFieldNumber) ||
         is(AuctionLine::descriptor(), AuctionLine::kCandidatesFieldNumber) ||
         is(CandidateLine::descriptor(), CandidateLine::kAdIdFieldNumber) ||
         is(CandidateLine::descriptor(), CandidateLine::kBidMicrosFieldNumber);
}

bool IsTime(const FieldDescriptor& field) {
  return &field == AuctionLine::descriptor()->FindFieldByNumber(AuctionLine::kEventTimeFieldNumber);
}

bool IsFlag(const FieldDescriptor& field) {
  return &field == CandidateLine::descriptor()->FindFieldByNumber(CandidateLine::kClickFieldNumber);
}

std::shared_ptr<arrow::Schema> ParquetSchema(const ParquetLayout& layout) {
  return arrow::schema(Fields(*AuctionLine::descriptor(), layout));
}

}  // namespace vickrey::log
