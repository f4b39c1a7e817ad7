#include "vickrey/base/config.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "vickrey/base/config_rules.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"
#include "vickrey/base/utf8.h"

namespace vickrey::base {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : absl::StrCat(path, ".", std::string(key));
}

// Turns YAML nodes into fields. Remembers where each field was written, so that a rule that is broken later can be
// reported at its line.
class Reader {
 public:
  explicit Reader(std::string origin) : origin_(std::move(origin)) {}

  absl::Status ReadMap(const YAML::Node& node, const std::string& path, Message* message);
  absl::Status ReadField(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                         Message* message);

  // "ORIGIN:LINE: PATH: WHAT"; the line of the nearest enclosing field where `path` itself was not written.
  absl::Status Error(const std::string& path, std::string_view what) const;

  // The same error, with the place of the field that it is about, where that was written and is said first.
  absl::Status Located(const absl::Status& status) const;

 private:
  absl::Status ReadScalar(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                          Message* message);
  absl::Status ReadEnum(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                        Message* message);
  absl::Status ReadTexts(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                         Message* message);
  template <typename T>
  absl::Status ReadInteger(const YAML::Node& node, const std::string& path, bool quoted_too, T* value);
  absl::Status WrongType(const YAML::Node& node, const std::string& path, std::string_view expected);
  absl::Status UnknownKey(const std::string& path, const Descriptor& descriptor) const;

  const std::string origin_;
  std::map<std::string, int> lines_;  // path -> line, from 1
};

absl::Status Reader::Error(const std::string& path, std::string_view what) const {
  std::string place = origin_;
  for (std::string at = path;; at.resize(at.find_last_of(".["))) {
    if (const auto found = lines_.find(at); found != lines_.end()) {
      if (found->second > 0) absl::StrAppend(&place, ":", found->second);
      break;
    }
    if (at.find_last_of(".[") == std::string::npos) break;
  }
  return Annotate(InvalidField(path.empty() ? "configuration" : path, what), place);
}

absl::Status Reader::Located(const absl::Status& status) const {
  const auto field = FieldOf(status);
  if (!field.has_value()) return status;
  const auto line = lines_.find(*field);
  const bool first = absl::string_view(status.message()).substr(0, field->size() + 1) == *field + ":";
  return first && line != lines_.end() ? Annotate(status, absl::StrCat(origin_, ":", line->second)) : status;
}

// A scalar without quotes or an explicit tag, of which YAML leaves the type open.
bool IsPlain(const YAML::Node& node) { return node.IsScalar() && (node.Tag() == "?" || node.Tag().empty()); }

bool IsBool(const std::string& text) { return text == "true" || text == "false"; }

// A plain decimal number.
bool IsDecimal(const YAML::Node& node, double* value) {
  return IsPlain(node) && node.Scalar().find_first_of("xX") == std::string::npos &&
         absl::SimpleAtod(node.Scalar(), value);
}

// The value as it was written, cut short.
std::string Shown(const YAML::Node& node) {
  if (node.IsNull()) return "nothing";
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a map";
  const std::string text = node.Scalar().size() > 60 ? node.Scalar().substr(0, 57) + "..." : node.Scalar();
  return absl::StrCat("'", text, "'");
}

absl::Status Reader::WrongType(const YAML::Node& node, const std::string& path, std::string_view expected) {
  return Error(path, absl::StrCat(Shown(node), " is not ", std::string(expected)));
}

// "unknown key; known keys: a, b".
absl::Status Reader::UnknownKey(const std::string& path, const Descriptor& descriptor) const {
  std::vector<std::string> known;
  for (int i = 0; i < descriptor.field_count(); ++i) known.push_back(descriptor.field(i)->name());
  return Error(path, absl::StrCat("unknown key; known keys: ", absl::StrJoin(known, ", ")));
}

absl::Status Reader::ReadMap(const YAML::Node& node, const std::string& path, Message* message) {
  lines_.try_emplace(path, node.Mark().line + 1);
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) return WrongType(node, path, "a map of keys and values");
  const Descriptor& descriptor = *message->GetDescriptor();
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) return Error(path, "a key must be a plain name");
    const std::string& key = entry.first.Scalar();
    const std::string at = Join(path, key);
    lines_[at] = entry.first.Mark().line + 1;
    const FieldDescriptor* field = descriptor.FindFieldByName(key);
    if (field == nullptr) return UnknownKey(at, descriptor);
    if (!seen.insert(key).second) return Error(at, "the key is given twice");
    if (entry.second.IsNull()) continue;  // not given, as in JSON
    if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr) {
      const auto* other = message->GetReflection()->GetOneofFieldDescriptor(*message, oneof);
      if (other != nullptr && other != field) {
        return Error(at, absl::StrCat("only one of ", other->name(), " and ", key, " may be given"));
      }
    }
    RETURN_IF_ERROR(ReadField(entry.second, at, *field, message));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadField(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                               Message* message) {
  lines_.try_emplace(path, node.Mark().line + 1);
  const Reflection& r = *message->GetReflection();
  if (!field.is_repeated()) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return ReadMap(node, path, r.MutableMessage(message, &field));
    }
    return ReadScalar(node, path, field, message);
  }
  if (field.is_map()) return ReadTexts(node, path, field, message);
  if (!node.IsSequence()) return WrongType(node, path, "a list");
  r.ClearField(message, &field);
  for (size_t i = 0; i < node.size(); ++i) {
    const std::string at = absl::StrCat(path, "[", i, "]");
    lines_[at] = node[i].Mark().line + 1;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      RETURN_IF_ERROR(ReadMap(node[i], at, r.AddMessage(message, &field)));
    } else {
      RETURN_IF_ERROR(ReadScalar(node[i], at, field, message));
    }
  }
  return absl::OkStatus();
}

// A map from text to text: any keys, each with a scalar, or a list of them, as it is written.
absl::Status Reader::ReadTexts(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                               Message* message) {
  if (!node.IsMap()) return WrongType(node, path, "a map of keys and values");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) return Error(path, "a key must be a plain name");
    const std::string& key = entry.first.Scalar();
    const std::string at = Join(path, key);
    lines_[at] = entry.first.Mark().line + 1;
    if (!seen.insert(key).second) return Error(at, "the key is given twice");
    std::vector<std::string> texts;
    bool scalars = true;
    for (const YAML::Node& item : entry.second.IsSequence() ? entry.second : YAML::Node(YAML::NodeType::Sequence)) {
      scalars = scalars && item.IsScalar();
      if (scalars) texts.push_back(item.Scalar());
    }
    if (!scalars || !(entry.second.IsScalar() || entry.second.IsSequence())) {
      return WrongType(entry.second, at, "a text, a number or a list of them");
    }
    Message& added = *message->GetReflection()->AddMessage(message, &field);
    const Reflection& r = *added.GetReflection();
    const Descriptor& type = *field.message_type();
    r.SetString(&added, type.map_key(), key);
    r.SetString(&added, type.map_value(),
                entry.second.IsScalar() ? entry.second.Scalar() : absl::StrCat("[", absl::StrJoin(texts, ", "), "]"));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status Reader::ReadInteger(const YAML::Node& node, const std::string& path, bool quoted_too, T* value) {
  // A quoted number is a string, but for 64-bit numbers, which JSON carries as strings.
  if (!node.IsScalar() || (!IsPlain(node) && !quoted_too) || !absl::SimpleAtoi(node.Scalar(), value)) {
    return WrongType(
        node, path,
        absl::StrCat("a whole number from ", std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max()));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadScalar(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                                Message* message) {
  const Reflection& r = *message->GetReflection();
  const auto set = [&](auto setter, auto adder, const auto& value) {
    field.is_repeated() ? (r.*adder)(message, &field, value) : (r.*setter)(message, &field, value);
    return absl::OkStatus();
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t value = 0;
      RETURN_IF_ERROR(ReadInteger(node, path, false, &value));
      return set(&Reflection::SetInt32, &Reflection::AddInt32, value);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t value = 0;
      RETURN_IF_ERROR(ReadInteger(node, path, false, &value));
      return set(&Reflection::SetUInt32, &Reflection::AddUInt32, value);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t value = 0;
      RETURN_IF_ERROR(ReadInteger(node, path, true, &value));
      return set(&Reflection::SetInt64, &Reflection::AddInt64, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t value = 0;
      RETURN_IF_ERROR(ReadInteger(node, path, true, &value));
      return set(&Reflection::SetUInt64, &Reflection::AddUInt64, value);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      if (!node.IsScalar() || !IsDecimal(node, &value) || !std::isfinite(value)) {
        return WrongType(node, path, "a finite number");
      }
      return set(&Reflection::SetDouble, &Reflection::AddDouble, value);
    }
    case FieldDescriptor::CPPTYPE_FLOAT: {
      double value = 0;
      if (!node.IsScalar() || !IsDecimal(node, &value) || !std::isfinite(static_cast<float>(value))) {
        return WrongType(node, path, "a finite number that a float holds");
      }
      return set(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(value));
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      if (!node.IsScalar() || !IsPlain(node) || !IsBool(node.Scalar())) {
        return WrongType(node, path, "true or false");
      }
      return set(&Reflection::SetBool, &Reflection::AddBool, node.Scalar() == "true");
    }
    case FieldDescriptor::CPPTYPE_STRING:
      if (!node.IsScalar()) return WrongType(node, path, "a text");
      if (double number = 0; IsDecimal(node, &number) || (IsPlain(node) && IsBool(node.Scalar()))) {
        return WrongType(node, path, "a text; quote it if it is meant as one");
      }
      return set(static_cast<void (Reflection::*)(Message*, const FieldDescriptor*, std::string) const>(
                     &Reflection::SetString),
                 static_cast<void (Reflection::*)(Message*, const FieldDescriptor*, std::string) const>(
                     &Reflection::AddString),
                 node.Scalar());
    case FieldDescriptor::CPPTYPE_ENUM:
      return ReadEnum(node, path, field, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:  // read by ReadMap
      break;
  }
  return absl::InternalError(absl::StrCat(field.full_name(), " has a type that configurations do not use"));
}

// An enum is written as its value's name in lower case, or as it stands in JSON.
absl::Status Reader::ReadEnum(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                              Message* message) {
  const auto* type = field.enum_type();
  const auto* value = node.IsScalar() ? type->FindValueByName(absl::AsciiStrToUpper(node.Scalar())) : nullptr;
  if (value == nullptr || value->number() == 0) {
    std::vector<std::string> names;
    for (int i = 0; i < type->value_count(); ++i) {
      if (type->value(i)->number() != 0) names.push_back(absl::AsciiStrToLower(type->value(i)->name()));
    }
    return WrongType(node, path, absl::StrCat("one of ", absl::StrJoin(names, ", ")));
  }
  const Reflection& r = *message->GetReflection();
  field.is_repeated() ? r.AddEnum(message, &field, value) : r.SetEnum(message, &field, value);
  return absl::OkStatus();
}

// Sees whether there is a second document, and ends the parsing there: after some texts ("," is one) yaml-cpp finds
// documents without end.
class DocumentCounter final : public YAML::EventHandler {
 public:
  struct Second {};
  void OnDocumentStart(const YAML::Mark&) override {
    if (++documents_ == 2) throw Second();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int documents_ = 0;
};

// yaml-cpp throws; this is the one place where that is caught.
absl::Status ParseYaml(std::string_view text, std::string_view origin, YAML::Node* node) {
  const std::string place(origin);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    DocumentCounter counter;
    while (parser.HandleNextDocument(counter)) {
    }
    node->reset(YAML::Load(std::string(text)));
    return absl::OkStatus();
  } catch (const DocumentCounter::Second&) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": more than one YAML document"));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, e.mark.is_null() ? "" : absl::StrCat(":", e.mark.line + 1), ": not YAML or JSON: ", e.msg));
  }
}

// A text as it is: an address or a path is not YAML.
YAML::Node TextNode(std::string_view text) {
  YAML::Node node{std::string(text)};
  node.SetTag("!");
  return node;
}

absl::Status Finish(const Reader& reader, Message* message) {
  RETURN_IF_ERROR(internal::FillDefaults(message, [&](const FieldDescriptor& field, Message* owner) {
    YAML::Node value;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      value = TextNode(internal::RuleOf(field).default_value());
    } else {
      RETURN_IF_ERROR(ParseYaml(internal::RuleOf(field).default_value(), field.full_name(), &value));
    }
    return Reader(field.full_name()).ReadField(value, field.name(), field, owner);
  }));
  if (const auto broken = internal::FindBrokenRule(*message); broken.has_value()) {
    return reader.Error(broken->path, broken->what);
  }
  return absl::OkStatus();
}

// Whether the path leads to one text field.
bool IsText(std::string_view path, const Descriptor& descriptor) {
  const size_t dot = path.find('.');
  const FieldDescriptor* field = descriptor.FindFieldByName(std::string(path.substr(0, dot)));
  if (field == nullptr || field->is_repeated()) return false;
  if (dot == std::string_view::npos) return field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  return field->message_type() != nullptr && IsText(path.substr(dot + 1), *field->message_type());
}

void Replace(Message* message, Message* with) { message->GetReflection()->Swap(message, with); }

}  // namespace

absl::Status LoadConfig(std::string_view text, std::string_view origin, Message* config, const ConfigFill& fill) {
  if (text.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(origin), " has ", text.size(), " bytes; at most ", kMaxConfigBytes, " are allowed"));
  }
  if (!IsUtf8(text)) return absl::InvalidArgumentError(absl::StrCat(std::string(origin), ": not UTF-8"));
  YAML::Node node;
  RETURN_IF_ERROR(ParseYaml(text, origin, &node));
  const std::unique_ptr<Message> loaded(config->New());
  Reader reader{std::string(origin)};
  RETURN_IF_ERROR(reader.ReadMap(node, "", loaded.get()));
  if (fill != nullptr) RETURN_IF_ERROR(reader.Located(fill(loaded.get())));
  RETURN_IF_ERROR(Finish(reader, loaded.get()));
  Replace(config, loaded.get());
  return absl::OkStatus();
}

absl::Status LoadConfigFile(const std::filesystem::path& file, Message* config, const ConfigFill& fill) {
  const auto text = ReadFile(file, kMaxConfigBytes);
  if (absl::IsResourceExhausted(text.status()) || absl::IsUnavailable(text.status())) {
    return absl::InvalidArgumentError(text.status().message());  // too large, or not a file: a wrong argument
  }
  RETURN_IF_ERROR(text);
  return LoadConfig(*text, file.string(), config, fill);
}

absl::Status SetConfigField(std::string_view path, std::string_view value, std::string_view origin, Message* config) {
  const std::unique_ptr<Message> changed(config->New());
  changed->CopyFrom(*config);
  if (value.empty()) return Reader(std::string(origin)).Error(std::string(path), "needs a value");
  YAML::Node node;
  if (IsText(path, *config->GetDescriptor())) {
    node = TextNode(value);
  } else {
    RETURN_IF_ERROR(ParseYaml(value, origin, &node));
    if (node.IsNull()) return Reader(std::string(origin)).Error(std::string(path), "needs a value");
  }
  // The path as a map of maps around the value, so that flags and files are read by the same code.
  const std::vector<std::string> keys = absl::StrSplit(std::string(path), '.');
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    YAML::Node outer(YAML::NodeType::Map);
    outer.force_insert(*key, node);
    node.reset(outer);  // assignment would change the node that `outer` now holds
  }
  RETURN_IF_ERROR(Reader(std::string(origin)).ReadMap(node, "", changed.get()));
  Replace(config, changed.get());
  return absl::OkStatus();
}

absl::Status SetConfigFields(const std::vector<std::string>& settings, std::string_view example, Message* config) {
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidField("--set", absl::StrCat("'", setting, "' is not KEY=VALUE, such as ", std::string(example)));
    }
    RETURN_IF_ERROR(SetConfigField(setting.substr(0, equals), setting.substr(equals + 1), "--set", config));
  }
  return absl::OkStatus();
}

std::string DefaultOf(const Descriptor& config, std::string_view path) {
  const Descriptor* message = &config;
  const FieldDescriptor* field = nullptr;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(std::string(path), '.'))) {
    field = message == nullptr ? nullptr : message->FindFieldByName(name);
    if (field == nullptr) return "";
    message = field->message_type();
  }
  return internal::RuleOf(*field).default_value();
}

absl::Status FinishConfig(std::string_view origin, Message* config) {
  const std::unique_ptr<Message> finished(config->New());
  finished->CopyFrom(*config);
  RETURN_IF_ERROR(Finish(Reader(std::string(origin)), finished.get()));
  Replace(config, finished.get());
  return absl::OkStatus();
}

}  // namespace vickrey::base
