#include "vickrey/base/json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

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
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void AppendQuoted(std::string_view text, std::string* out) {
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

// Shortest decimal that reads back as the same bits.
template <typename T>
void AppendNumber(T value, std::string* out) {
  if (std::isnan(value)) {
    out->append("\"NaN\"");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
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
        AppendQuoted(value->name(), out);
      } else {
        absl::StrAppend(out, number);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text = index < 0 ? r.GetStringReference(message, &field, &scratch)
                                          : r.GetRepeatedStringReference(message, &field, index, &scratch);
      AppendQuoted(field.type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text, out);
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
    AppendQuoted(entries[i].first, out);
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
      return AppendQuoted(value.string_value(), out);
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

// Protobuf's parser takes time quadratic in the depth of nesting, whatever the message, so that is bounded first.
constexpr int kMaxDepth = 32;

bool IsTooDeep(std::string_view json) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// Protobuf's parser writes "(candidates[0].bid_micros): invalid value ...", and where a key is unknown
// "(candidates[0]) bid: Cannot find field." or, at the top, "bid: Cannot find field.": the field is taken out of that.
absl::Status ParseError(std::string_view message) {
  static constexpr std::string_view kUnknown = ": Cannot find field.";
  std::string path;
  if (const size_t close = message.find(')'); message.starts_with('(') && close != std::string_view::npos) {
    path = message.substr(1, close - 1);
    message.remove_prefix(close + 1);
    if (message.starts_with(": ")) return InvalidField(path, message.substr(2));
    if (message.starts_with(' ')) message.remove_prefix(1);
  }
  if (message.ends_with(kUnknown)) {
    message.remove_suffix(kUnknown.size());
    return InvalidField(absl::StrCat(path, path.empty() ? "" : ".", std::string(message)), "no such field");
  }
  // A syntax error: the first line says what was expected, the others show the place.
  std::string what = absl::StrCat("not the JSON that is expected here: ", std::string(message));
  std::replace(what.begin(), what.end(), '\n', ' ');
  return path.empty() ? absl::InvalidArgumentError(what) : InvalidField(path, what);
}

}  // namespace

std::string ToJson(const Message& message) {
  std::string json;
  AppendMessage(message, &json);
  return json;
}

absl::Status FromJson(std::string_view json, Message* message) {
  if (IsTooDeep(json)) {
    return absl::InvalidArgumentError(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
  }
  const std::unique_ptr<Message> parsed(message->New());
  google::protobuf::util::JsonParseOptions options;
  options.case_insensitive_enum_parsing = false;
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, parsed.get(), options);
  if (!status.ok()) return ParseError({status.message().data(), status.message().size()});
  message->GetReflection()->Swap(message, parsed.get());
  return absl::OkStatus();
}

absl::StatusOr<bool> JsonLineReader::ReadLine() {
  text_.clear();
  std::streambuf* const buffer = in_.rdbuf();
  bool too_long = false;
  for (int c; (c = buffer->sbumpc()) != std::istream::traits_type::eof();) {
    if (c == '\n') {
      ++line_;
      if (too_long)
        return absl::InvalidArgumentError(absl::StrCat("the line is longer than ", kMaxLineBytes, " bytes"));
      return true;
    }
    if (text_.size() == kMaxLineBytes) {
      too_long = true;
    } else {
      text_.push_back(static_cast<char>(c));
    }
  }
  if (text_.empty()) return false;
  ++line_;
  if (too_long) return absl::InvalidArgumentError(absl::StrCat("the line is longer than ", kMaxLineBytes, " bytes"));
  return true;
}

absl::StatusOr<bool> JsonLineReader::Next(Message* message) {
  while (true) {
    ASSIGN_OR_RETURN(const bool more, ReadLine());
    if (!more) return false;
    if (text_.find_first_not_of(" \t\r") == std::string::npos) continue;
    RETURN_IF_ERROR(FromJson(text_, message));
    return true;
  }
}

std::string ErrorLine(const absl::Status& status, std::optional<int64_t> line) {
  vickrey::v1::ErrorLine error;
  error.mutable_error()->set_code(absl::StatusCodeToString(status.code()));
  error.mutable_error()->set_message(std::string(status.message()));
  if (line.has_value()) error.mutable_error()->set_line(*line);
  if (auto field = FieldOf(status); field.has_value()) error.mutable_error()->set_field(*std::move(field));
  return ToJson(error);
}

}  // namespace vickrey::base
