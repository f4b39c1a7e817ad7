#ifndef VICKREY_BASE_TABLE_H_
#define VICKREY_BASE_TABLE_H_

#include <string>

namespace google::protobuf {
class Message;
}

namespace vickrey::base {

// A message for people: a line for each field, "metrics.test.auc  0.726" of one within another, with six significant
// digits; "-" for what is not known. JSON has all digits.
std::string TableOf(const google::protobuf::Message& message);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_TABLE_H_
