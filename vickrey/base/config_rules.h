// The rules of configuration fields (proto/vickrey/config/v1/rule.proto), applied to messages. Internal to
// base/config.cc.
#ifndef VICKREY_BASE_CONFIG_RULES_H_
#define VICKREY_BASE_CONFIG_RULES_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "vickrey/config/v1/rule.pb.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace vickrey::base::internal {

const vickrey::config::v1::Rule& RuleOf(const google::protobuf::FieldDescriptor& field);

// Sets every unset field that has a default, by `set(field, owner)`. Absent message fields are made, unless something
// in them is required or they belong to a oneof. The first error of `set` ends it.
absl::Status FillDefaults(
    google::protobuf::Message* message,
    const std::function<absl::Status(const google::protobuf::FieldDescriptor&, google::protobuf::Message*)>& set);

struct BrokenRule {
  std::string path;  // such as loss.sigma
  std::string what;  // such as "-1 is out of range; it must be greater than 0"
};

// The first field, in the order of the definition, that breaks its rule.
std::optional<BrokenRule> FindBrokenRule(const google::protobuf::Message& message);

}  // namespace vickrey::base::internal

#endif  // VICKREY_BASE_CONFIG_RULES_H_
