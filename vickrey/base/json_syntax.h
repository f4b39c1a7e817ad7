// The syntax of JSON, strictly (RFC 8259), for what is not a message; json.h has those.
#ifndef VICKREY_BASE_JSON_SYNTAX_H_
#define VICKREY_BASE_JSON_SYNTAX_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::base {

// In a time that is linear in the text. INVALID_ARGUMENT saying what is wrong: no JSON, a key that is given twice in a
// map, more than `max_depth` maps and lists within each other.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, size_t max_depth);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_JSON_SYNTAX_H_
