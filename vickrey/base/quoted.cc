#include "vickrey/base/quoted.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vickrey::base {

std::string Quoted(std::string_view text) {
  const std::string_view shown = text.substr(0, 60);
  return absl::StrCat("'", absl::CHexEscape(absl::string_view(shown.data(), shown.size())), "'");
}

}  // namespace vickrey::base
