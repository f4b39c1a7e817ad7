// JSON -> messages. nlohmann/json does the syntax, strictly; protobuf's own parser also takes single quotes, trailing
// commas and bare keys, keeps the last of two equal keys, drops null from lists and needs time quadratic in the depth.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/json.h"
#include "vickrey/base/json_syntax.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::ListValue;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Struct;
using google::protobuf::Value;
using Json = nlohmann::json;

constexpr size_t kMaxDepth = 32;
constexpr double kMaxExactWhole = 9007199254740992;  // 2^53

std::string Shown(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

absl::Status Wrong(const Json& json, const std::string& path, std::string_view expected) {
  return InvalidField(path.empty() ? "line" : path, absl::StrCat(Shown(json), " is not ", std::string(expected)));
}

absl::Status ReadMessage(const Json& json, const std::string& path, Message* message);

void ToValue(const Json& json, Value* value);

void ToStruct(const Json& json, Struct* object) {
  for (const auto& [key, member] : json.items()) ToValue(member, &(*object->mutable_fields())[key]);
}

void ToList(const Json& json, ListValue* list) {
  for (const auto& member : json) ToValue(member, list->add_values());
}

void ToValue(const Json& json, Value* value) {
  switch (json.type()) {
    case Json::value_t::object:
      value->mutable_struct_value();
      return ToStruct(json, value->mutable_struct_value());
    case Json::value_t::array:
      value->mutable_list_value();
      return ToList(json, value->mutable_list_value());
    case Json::value_t::string:
      return value->set_string_value(json.get_ref<const std::string&>());
    case Json::value_t::boolean:
      return value->set_bool_value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return value->set_number_value(json.get<double>());
    default:
      return value->set_null_value(google::protobuf::NULL_VALUE);
  }
}

// A whole number, as a number or as a text of digits.
template <typename T>
absl::Status ReadWhole(const Json& json, const std::string& path, T* value) {
  const auto wrong = [&] {
    return Wrong(
        json, path,
        absl::StrCat("a whole number from ", std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max()));
  };
  if (json.is_string()) {
    const auto& digits = json.get_ref<const std::string&>();
    const bool strict = digits.find_first_not_of("-0123456789") == std::string::npos;  // SimpleAtoi also takes blanks
    return strict && absl::SimpleAtoi(digits, value) ? absl::OkStatus() : wrong();
  }
  if (json.is_number_float()) {
    const double x = json.get<double>();
    if (std::trunc(x) != x || std::abs(x) >= kMaxExactWhole || x < static_cast<double>(std::numeric_limits<T>::min()) ||
        x > static_cast<double>(std::numeric_limits<T>::max())) {
      return wrong();
    }
    *value = static_cast<T>(x);
    return absl::OkStatus();
  }
  if (json.is_number_unsigned()) {
    const auto x = json.get<uint64_t>();
    if (x > static_cast<uint64_t>(std::numeric_limits<T>::max())) return wrong();
    *value = static_cast<T>(x);
    return absl::OkStatus();
  }
  if (!json.is_number_integer()) return wrong();
  const auto x = json.get<int64_t>();  // negative
  if (std::numeric_limits<T>::min() == 0 || x < static_cast<int64_t>(std::numeric_limits<T>::min())) return wrong();
  *value = static_cast<T>(x);
  return absl::OkStatus();
}

absl::Status ReadDouble(const Json& json, const std::string& path, double* value) {
  if (json.is_number()) {
    *value = json.get<double>();
    return absl::OkStatus();
  }
  if (json == "NaN") {
    *value = std::numeric_limits<double>::quiet_NaN();
  } else if (json == "Infinity" || json == "-Infinity") {
    *value = json == "Infinity" ? HUGE_VAL : -HUGE_VAL;
  } else {
    return Wrong(json, path, "a number");
  }
  return absl::OkStatus();
}

absl::Status ReadEnum(const Json& json, const std::string& path, const FieldDescriptor& field, int* number) {
  const auto* type = field.enum_type();
  if (json.is_string()) {
    const auto* value = type->FindValueByName(json.get_ref<const std::string&>());
    if (value != nullptr) {
      *number = value->number();
      return absl::OkStatus();
    }
  }
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return Wrong(json, path, absl::StrCat("one of ", absl::StrJoin(names, ", ")));
}

// Sets the field, or adds to it where it is repeated.
absl::Status ReadValue(const Json& json, const std::string& path, const FieldDescriptor& field, Message* message) {
  const Reflection& r = *message->GetReflection();
  const auto set = [&](auto setter, auto adder, const auto& value) {
    field.is_repeated() ? (r.*adder)(message, &field, value) : (r.*setter)(message, &field, value);
    return absl::OkStatus();
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t value = 0;
      RETURN_IF_ERROR(ReadWhole(json, path, &value));
      return set(&Reflection::SetInt32, &Reflection::AddInt32, value);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t value = 0;
      RETURN_IF_ERROR(ReadWhole(json, path, &value));
      return set(&Reflection::SetUInt32, &Reflection::AddUInt32, value);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t value = 0;
      RETURN_IF_ERROR(ReadWhole(json, path, &value));
      return set(&Reflection::SetInt64, &Reflection::AddInt64, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t value = 0;
      RETURN_IF_ERROR(ReadWhole(json, path, &value));
      return set(&Reflection::SetUInt64, &Reflection::AddUInt64, value);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      RETURN_IF_ERROR(ReadDouble(json, path, &value));
      return set(&Reflection::SetDouble, &Reflection::AddDouble, value);
    }
    case FieldDescriptor::CPPTYPE_FLOAT: {
      double value = 0;
      RETURN_IF_ERROR(ReadDouble(json, path, &value));
      const auto narrow = static_cast<float>(value);
      if (std::isinf(narrow) && !std::isinf(value)) return Wrong(json, path, "a number that a float can hold");
      return set(&Reflection::SetFloat, &Reflection::AddFloat, narrow);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!json.is_boolean()) return Wrong(json, path, "true or false");
      return set(&Reflection::SetBool, &Reflection::AddBool, json.get<bool>());
    case FieldDescriptor::CPPTYPE_ENUM: {
      int value = 0;
      RETURN_IF_ERROR(ReadEnum(json, path, field, &value));
      return set(&Reflection::SetEnumValue, &Reflection::AddEnumValue, value);
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      if (!json.is_string()) return Wrong(json, path, "a text");
      std::string text = json.get<std::string>();
      if (field.type() == FieldDescriptor::TYPE_BYTES && !absl::Base64Unescape(text, &text)) {
        return Wrong(json, path, "base64");
      }
      using Set = void (Reflection::*)(Message*, const FieldDescriptor*, std::string) const;
      return set(static_cast<Set>(&Reflection::SetString), static_cast<Set>(&Reflection::AddString), text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadMessage(json, path,
                         field.is_repeated() ? r.AddMessage(message, &field) : r.MutableMessage(message, &field));
  }
  return absl::InternalError(absl::StrCat(field.full_name(), " has an unknown type"));
}

absl::Status ReadMap(const Json& json, const std::string& path, const FieldDescriptor& field, Message* message) {
  if (!json.is_object()) return Wrong(json, path, "an object");
  for (const auto& [key, member] : json.items()) {
    Message* entry = message->GetReflection()->AddMessage(message, &field);
    RETURN_IF_ERROR(ReadValue(Json(key), path, *field.message_type()->map_key(), entry));
    RETURN_IF_ERROR(ReadValue(member, absl::StrCat(path, ".", key), *field.message_type()->map_value(), entry));
  }
  return absl::OkStatus();
}

absl::Status ReadField(const Json& json, const std::string& path, const FieldDescriptor& field, Message* message) {
  if (json.is_null() && !(field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated() &&
                          field.message_type() == Value::descriptor())) {
    return absl::OkStatus();
  }
  if (field.is_map()) return ReadMap(json, path, field, message);
  if (!field.is_repeated()) {
    if (const auto* oneof = field.real_containing_oneof();
        oneof != nullptr && message->GetReflection()->HasOneof(*message, oneof)) {
      return InvalidField(path, absl::StrCat("only one of it and ",
                                             message->GetReflection()->GetOneofFieldDescriptor(*message, oneof)->name(),
                                             " may be given"));
    }
    return ReadValue(json, path, field, message);
  }
  if (!json.is_array()) return Wrong(json, path, "a list");
  for (size_t i = 0; i < json.size(); ++i) {
    RETURN_IF_ERROR(ReadValue(json[i], absl::StrCat(path, "[", i, "]"), field, message));
  }
  return absl::OkStatus();
}

absl::Status ReadMessage(const Json& json, const std::string& path, Message* message) {
  const auto* type = message->GetDescriptor();
  if (type == Value::descriptor()) {
    ToValue(json, static_cast<Value*>(message));
    return absl::OkStatus();
  }
  if (type == ListValue::descriptor()) {
    if (!json.is_array()) return Wrong(json, path, "a list");
    ToList(json, static_cast<ListValue*>(message));
    return absl::OkStatus();
  }
  if (!json.is_object()) return Wrong(json, path, "an object");
  if (type == Struct::descriptor()) {
    ToStruct(json, static_cast<Struct*>(message));
    return absl::OkStatus();
  }
  for (const auto& [key, member] : json.items()) {
    const std::string at = path.empty() ? key : absl::StrCat(path, ".", key);
    const FieldDescriptor* field = type->FindFieldByName(key);
    if (field == nullptr) {
      std::vector<std::string> known;
      for (int i = 0; i < type->field_count(); ++i) known.emplace_back(type->field(i)->name());
      return InvalidField(at, absl::StrCat("no such field; known: ", absl::StrJoin(known, ", ")));
    }
    RETURN_IF_ERROR(ReadField(member, at, *field, message));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FromJson(std::string_view json, Message* message) {
  ASSIGN_OR_RETURN(const Json parsed, ParseJson(json, kMaxDepth));
  const std::unique_ptr<Message> read(message->New());
  RETURN_IF_ERROR(ReadMessage(parsed, "", read.get()));
  message->GetReflection()->Swap(message, read.get());
  return absl::OkStatus();
}

std::string ValidUtf8(std::string_view text) {
  const std::string quoted = Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted).get<std::string>();
}

}  // namespace vickrey::base
