#include "vickrey/base/config_rules.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"

namespace vickrey::base::internal {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using vickrey::config::v1::Rule;

bool IsMessage(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

bool NeedsSomething(const Descriptor& descriptor) {
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (RuleOf(field).required()) return true;
  }
  return false;
}

// Whether the field was given. A field without presence was, if it is not empty or 0.
bool IsGiven(const Message& message, const FieldDescriptor& field) {
  const Reflection& r = *message.GetReflection();
  return field.is_repeated() ? r.FieldSize(message, &field) > 0 : r.HasField(message, &field);
}

// The number that a rule's range is about: the value, or the length of a text.
std::optional<long double> Measure(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const auto get = [&](auto single, auto repeated) {
    return static_cast<long double>(index < 0 ? (r.*single)(message, &field) : (r.*repeated)(message, &field, index));
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32);
    case FieldDescriptor::CPPTYPE_UINT32:
      return get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64);
    case FieldDescriptor::CPPTYPE_UINT64:
      return get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble);
    case FieldDescriptor::CPPTYPE_STRING:
      return index < 0 ? r.GetString(message, &field).size() : r.GetRepeatedString(message, &field, index).size();
    default:
      return std::nullopt;
  }
}

// As many digits as tell the number from its neighbours; whole ones without an exponent.
std::string Number(long double x) {
  if (x == std::floor(x) && std::abs(x) < 9.2e18L) return absl::StrCat(static_cast<int64_t>(x));
  return ShortestDecimal(static_cast<double>(x));
}

// "at least 1 and at most 8".
std::string Range(const Rule& rule) {
  std::string range;
  if (rule.has_min()) absl::StrAppend(&range, rule.above_min() ? "greater than " : "at least ", Number(rule.min()));
  if (rule.has_max()) {
    absl::StrAppend(&range, rule.has_min() ? " and " : "", rule.below_max() ? "less than " : "at most ",
                    Number(rule.max()));
  }
  return range;
}

bool InRange(const Rule& rule, long double x) {
  if (rule.has_min() && (rule.above_min() ? x <= rule.min() : x < rule.min())) return false;
  return !rule.has_max() || (rule.below_max() ? x < rule.max() : x <= rule.max());
}

// What is wrong with one value (index -1: of a singular field).
std::optional<std::string> Fault(const Message& message, const FieldDescriptor& field, int index) {
  const Rule& rule = RuleOf(field);
  const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  if (const auto measure = Measure(message, field, index); measure.has_value() && !InRange(rule, *measure)) {
    return is_text ? absl::StrCat("a text of ", Number(*measure), " bytes; its length must be ", Range(rule))
                   : absl::StrCat(Number(*measure), " is out of range; it must be ", Range(rule));
  }
  if (is_text && (rule.one_of_size() > 0 || !rule.pattern().empty())) {
    const Reflection& r = *message.GetReflection();
    const std::string text = index < 0 ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index);
    if (!rule.pattern().empty() && !RE2::FullMatch(text, rule.pattern())) {
      return absl::StrCat("'", text, "' does not match ", rule.pattern());
    }
    if (rule.one_of_size() > 0 && std::find(rule.one_of().begin(), rule.one_of().end(), text) == rule.one_of().end()) {
      return absl::StrCat("'", text, "' is not one of ", absl::StrJoin(rule.one_of(), ", "));
    }
  }
  return std::nullopt;
}

std::optional<BrokenRule> FindBrokenRuleBelow(const Message& message, const std::string& path);

std::optional<BrokenRule> CheckRepeated(const Message& message, const FieldDescriptor& field, const std::string& at) {
  const Rule& rule = RuleOf(field);
  const int size = message.GetReflection()->FieldSize(message, &field);
  const bool of_numbers = !IsMessage(field) && field.cpp_type() != FieldDescriptor::CPPTYPE_STRING;
  // The range of a list of numbers is that of each number; of any other list, its length.
  if (!of_numbers && !InRange(rule, size)) {
    return BrokenRule{at, absl::StrCat("has ", size, " entries; their number must be ", Range(rule))};
  }
  for (int i = 0; i < size; ++i) {
    const std::string item = absl::StrCat(at, "[", i, "]");
    if (IsMessage(field)) {
      auto broken = FindBrokenRuleBelow(message.GetReflection()->GetRepeatedMessage(message, &field, i), item);
      if (broken.has_value()) return broken;
    } else if (of_numbers || rule.one_of_size() > 0) {
      if (auto fault = Fault(message, field, i); fault.has_value()) return BrokenRule{item, *std::move(fault)};
    }
  }
  return std::nullopt;
}

std::optional<BrokenRule> FindBrokenRuleBelow(const Message& message, const std::string& path) {
  const Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.real_oneof_decl_count(); ++i) {
    const auto& oneof = *descriptor.oneof_decl(i);
    if (!oneof.options().GetExtension(vickrey::config::v1::one_required) ||
        message.GetReflection()->HasOneof(message, &oneof)) {
      continue;
    }
    std::vector<std::string> names;
    for (int j = 0; j < oneof.field_count(); ++j) names.push_back(oneof.field(j)->name());
    return BrokenRule{path.empty() ? oneof.name() : absl::StrCat(path, ".", oneof.name()),
                      absl::StrCat("one of ", absl::StrJoin(names, ", "), " is required")};
  }
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    const std::string at = path.empty() ? field.name() : absl::StrCat(path, ".", field.name());
    if (!IsGiven(message, field)) {
      if (RuleOf(field).required()) return BrokenRule{at, "is required"};
      // An absent optional field is fine; one without presence has the value 0 or "", which a rule may still refuse
      // only by saying `required`.
      continue;
    }
    std::optional<BrokenRule> broken;
    if (field.is_repeated()) {
      broken = CheckRepeated(message, field, at);
    } else if (IsMessage(field)) {
      broken = FindBrokenRuleBelow(message.GetReflection()->GetMessage(message, &field), at);
    } else if (auto fault = Fault(message, field, -1); fault.has_value()) {
      broken = BrokenRule{at, *std::move(fault)};
    }
    if (broken.has_value()) return broken;
  }
  return std::nullopt;
}

}  // namespace

const Rule& RuleOf(const FieldDescriptor& field) { return field.options().GetExtension(vickrey::config::v1::rule); }

absl::Status FillDefaults(Message* message, const std::function<absl::Status(const FieldDescriptor&, Message*)>& set) {
  const Descriptor& descriptor = *message->GetDescriptor();
  const Reflection& r = *message->GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.is_repeated() && IsMessage(field)) {
      for (int j = 0; j < r.FieldSize(*message, &field); ++j) {
        RETURN_IF_ERROR(FillDefaults(r.MutableRepeatedMessage(message, &field, j), set));
      }
    } else if (IsMessage(field)) {
      const bool leave_out = field.real_containing_oneof() != nullptr || NeedsSomething(*field.message_type());
      if (r.HasField(*message, &field) || !leave_out) {
        RETURN_IF_ERROR(FillDefaults(r.MutableMessage(message, &field), set));
      }
    } else if (!RuleOf(field).default_value().empty() && !IsGiven(*message, field)) {
      RETURN_IF_ERROR(set(field, message));
    }
  }
  return absl::OkStatus();
}

std::optional<BrokenRule> FindBrokenRule(const Message& message) { return FindBrokenRuleBelow(message, ""); }

}  // namespace vickrey::base::internal
