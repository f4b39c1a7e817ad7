// Numbers of messages and in messages to people. Thread-safe.
#ifndef VICKREY_BASE_FINITE_H_
#define VICKREY_BASE_FINITE_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace vickrey::base {

// The shortest decimal that reads back as the same bits: an error that rounds what it complains of contradicts itself.
std::string ShortestDecimal(double x);

// INVALID_ARGUMENT naming the first double of a result, parts of it included, that is not a finite number: its inputs
// went beyond what a double holds.
absl::Status CheckFiniteResult(const google::protobuf::Message& result);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_FINITE_H_
