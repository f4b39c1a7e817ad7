#include "vickrey/base/finite.h"

#include <charconv>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status Check(const Message& message, const std::string& prefix) {
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const auto path = [&] { return absl::StrCat(prefix, field->name(), repeated ? absl::StrCat("[", i, "]") : ""); };
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        RETURN_IF_ERROR(
            Check(repeated ? reflection.GetRepeatedMessage(message, field, i) : reflection.GetMessage(message, field),
                  absl::StrCat(path(), ".")));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
        const double x =
            repeated ? reflection.GetRepeatedDouble(message, field, i) : reflection.GetDouble(message, field);
        if (!std::isfinite(x)) {
          return InvalidField(path(), absl::StrCat("comes out as ", x,
                                                   ": the numbers of the input or the configuration are too large or "
                                                   "too small for a double"));
        }
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string ShortestDecimal(double x) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), x).ptr};
}

absl::Status CheckFiniteResult(const Message& result) { return Check(result, ""); }

}  // namespace vickrey::base
