#include "vickrey/base/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::base {

void AppendJsonText(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) {
          out->append("\\u00").push_back(kHex[byte >> 4]);
          out->push_back(kHex[byte & 15]);
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Shortest decimal that reads back as the same bits.
template <typename T>
void AppendNumber(T value, std::string* out) {
  if (std::isnan(value)) {
    out->append("\"NaN\"");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else if (value == 0 && std::signbit(value)) {
    out->append("-0.0");  // "-0" is a whole number, and reads as 0
  } else {
    char buffer[40];
    out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
  }
}

void AppendMessage(const Message& message, std::string* out);

// One value of a field: that at `index` of a repeated field, or the field's own where index is -1.
void AppendValue(const Message& message, const FieldDescriptor& field, int index, std::string* out) {
  const Reflection& r = *message.GetReflection();
  const auto get = [&](auto single, auto repeated) {
    return index < 0 ? (r.*single)(message, &field) : (r.*repeated)(message, &field, index);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(out, get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(out, get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(out, "\"", get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64), "\"");
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(out, "\"", get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64), "\"");
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      AppendNumber(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), out);
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      AppendNumber(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat), out);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      out->append(get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false");
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      if (value != nullptr) {
        AppendJsonText(value->name(), out);
      } else {
        absl::StrAppend(out, number);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text = index < 0 ? r.GetStringReference(message, &field, &scratch)
                                          : r.GetRepeatedStringReference(message, &field, index, &scratch);
      AppendJsonText(field.type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text, out);
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      AppendMessage(index < 0 ? r.GetMessage(message, &field) : r.GetRepeatedMessage(message, &field, index), out);
      break;
  }
}

void AppendMap(const Message& message, const FieldDescriptor& field, std::string* out) {
  const FieldDescriptor* key = field.message_type()->map_key();
  const FieldDescriptor* value = field.message_type()->map_value();
  std::vector<std::pair<std::string, const Message*>> entries;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
    std::string text;
    AppendValue(entry, *key, -1, &text);
    if (text.empty() || text.front() != '"') text = absl::StrCat("\"", text, "\"");  // JSON keys are strings
    entries.emplace_back(std::move(text), &entry);
  }
  std::sort(entries.begin(), entries.end());
  out->push_back('{');
  for (size_t i = 0; i < entries.size(); ++i) {
    absl::StrAppend(out, i == 0 ? "" : ",", entries[i].first, ":");
    AppendValue(*entries[i].second, *value, -1, out);
  }
  out->push_back('}');
}

void AppendField(const Message& message, const FieldDescriptor& field, std::string* out) {
  if (field.is_map()) {
    AppendMap(message, field, out);
  } else if (field.is_repeated()) {
    out->push_back('[');
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      if (i > 0) out->push_back(',');
      AppendValue(message, field, i, out);
    }
    out->push_back(']');
  } else if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) {
    out->append("null");
  } else {
    AppendValue(message, field, -1, out);
  }
}

// google.protobuf.Value, Struct and ListValue stand for the JSON that they hold.
void AppendJsonValue(const google::protobuf::Value& value, std::string* out);

void AppendJsonList(const google::protobuf::ListValue& list, std::string* out) {
  out->push_back('[');
  for (int i = 0; i < list.values_size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonValue(list.values(i), out);
  }
  out->push_back(']');
}

void AppendJsonStruct(const google::protobuf::Struct& object, std::string* out) {
  std::vector<std::pair<std::string_view, const google::protobuf::Value*>> entries;
  entries.reserve(object.fields().size());
  for (const auto& [key, value] : object.fields()) entries.emplace_back(key, &value);
  std::sort(entries.begin(), entries.end());
  out->push_back('{');
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonText(entries[i].first, out);
    out->push_back(':');
    AppendJsonValue(*entries[i].second, out);
  }
  out->push_back('}');
}

void AppendJsonValue(const google::protobuf::Value& value, std::string* out) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return AppendNumber(value.number_value(), out);
    case google::protobuf::Value::kStringValue:
      return AppendJsonText(value.string_value(), out);
    case google::protobuf::Value::kBoolValue:
      out->append(value.bool_value() ? "true" : "false");
      return;
    case google::protobuf::Value::kStructValue:
      return AppendJsonStruct(value.struct_value(), out);
    case google::protobuf::Value::kListValue:
      return AppendJsonList(value.list_value(), out);
    case google::protobuf::Value::kNullValue:
    case google::protobuf::Value::KIND_NOT_SET:
      out->append("null");
  }
}

// REQUIRES: `message` is of the generated class T where this is true (dynamic messages are not used in this project).
template <typename T>
const T* As(const Message& message) {
  return message.GetDescriptor() == T::descriptor() ? static_cast<const T*>(&message) : nullptr;
}

void AppendMessage(const Message& message, std::string* out) {
  if (const auto* object = As<google::protobuf::Struct>(message)) return AppendJsonStruct(*object, out);
  if (const auto* value = As<google::protobuf::Value>(message)) return AppendJsonValue(*value, out);
  if (const auto* list = As<google::protobuf::ListValue>(message)) return AppendJsonList(*list, out);
  const auto* descriptor = message.GetDescriptor();
  out->push_back('{');
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    absl::StrAppend(out, i == 0 ? "\"" : ",\"", field.name(), "\":");
    AppendField(message, field, out);
  }
  out->push_back('}');
}

}  // namespace

void AppendJsonNumber(double value, std::string* out) { AppendNumber(value, out); }

std::string ToJson(const Message& message) {
  std::string json;
  AppendMessage(message, &json);
  return json;
}

absl::StatusOr<bool> JsonLineReader::ReadLine() {
  text_.clear();
  if (!in_.good() && !in_.eof()) return absl::UnavailableError("the input cannot be read");
  bool too_long = false;
  bool ended = false;
  try {  // a stream on a folder or a closed descriptor throws when it is read
    std::streambuf* const buffer = in_.rdbuf();
    for (int c; !ended && (c = buffer->sbumpc()) != '\n';) {
      if (c == std::istream::traits_type::eof()) {
        if (text_.empty()) return false;
        ended = true;
      } else if (text_.size() == kMaxLineBytes) {
        too_long = true;
      } else {
        text_.push_back(static_cast<char>(c));
      }
    }
  } catch (const std::ios_base::failure&) {
    return absl::UnavailableError("the input cannot be read");
  }
  ++line_;
  if (too_long) {
    return AtLine(absl::InvalidArgumentError(absl::StrCat("longer than ", kMaxLineBytes, " bytes")), line_);
  }
  return true;
}

absl::StatusOr<bool> JsonLineReader::Next(Message* message) {
  while (true) {
    ASSIGN_OR_RETURN(const bool more, ReadLine());
    if (!more) return false;
    if (text_.find_first_not_of(" \t\r") == std::string::npos) continue;
    RETURN_IF_ERROR(AtLine(FromJson(text_, message), line_));
    return true;
  }
}

std::vector<std::pair<std::string, std::string>> JsonFields(const Message& message) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    AppendField(message, field, &fields.emplace_back(field.name(), "").second);
  }
  return fields;
}

std::string ErrorLine(const absl::Status& status) {
  vickrey::v1::ErrorLine error;
  error.mutable_error()->set_code(absl::StatusCodeToString(status.code()));
  error.mutable_error()->set_message(ValidUtf8({status.message().data(), status.message().size()}));
  if (const auto line = LineOf(status); line.has_value()) error.mutable_error()->set_line(*line);
  if (const auto field = FieldOf(status); field.has_value()) error.mutable_error()->set_field(ValidUtf8(*field));
  return ToJson(error);
}

}  // namespace vickrey::base
