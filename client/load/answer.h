#ifndef CLIENT_LOAD_ANSWER_H_
#define CLIENT_LOAD_ANSWER_H_

#include <span>
#include <string_view>

namespace vickrey::client {

// The text at a path of field numbers in a message's bytes, without parsing the rest: {1, 6} is field 6 of the message
// that is field 1. Empty where there is none, or the bytes are no message. It points into `bytes`.
std::string_view TextIn(std::string_view bytes, std::span<const int> path);

}  // namespace vickrey::client

#endif  // CLIENT_LOAD_ANSWER_H_
