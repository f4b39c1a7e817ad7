#ifndef TOOLS_LINE_TERMS_H_
#define TOOLS_LINE_TERMS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "vickrey/base/status.h"

namespace vickrey::tools {

// What a server says of the message that a line was made into, in the words of the line:
// `auction.candidates[0].bid.micros` is its `candidates[0].bid_micros`.
inline absl::Status InLineTerms(const absl::Status& status) {
  const auto field = base::FieldOf(status);
  if (status.ok() || !field.has_value() || !field->starts_with("auction.")) return status;
  const std::string own = absl::StrReplaceAll(field->substr(field->find('.') + 1), {{".bid.micros", ".bid_micros"}});
  const std::string message = absl::StrReplaceAll(std::string(status.message()), {{*field, own}});
  return base::AboutField(absl::Status(status.code(), message), own);
}

}  // namespace vickrey::tools

#endif  // TOOLS_LINE_TERMS_H_
