#ifndef VICKREY_BASE_QUOTED_H_
#define VICKREY_BASE_QUOTED_H_

#include <string>
#include <string_view>

namespace vickrey::base {

// What somebody gave, for a message: in quotes, its first 60 bytes, what cannot be printed escaped.
std::string Quoted(std::string_view text);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_QUOTED_H_
