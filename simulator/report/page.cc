#include "simulator/report/page.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "vickrey/base/json.h"

namespace vickrey::simulator {
namespace {

constexpr std::string_view kPlace = "{{data}}";

// `<` occurs only inside texts of JSON; without it no text can end the script element or open a comment.
std::string InsideScript(std::string_view json) { return absl::StrReplaceAll(std::string(json), {{"<", "\\u003c"}}); }

}  // namespace

std::filesystem::path PageFile(const std::filesystem::path& folder) {
  return folder.parent_path() / "share" / "vickrey" / "report.html";
}

absl::StatusOr<std::string> FillPage(std::string_view page, const ReportDocument& document, std::string_view title) {
  const size_t at = page.find(kPlace);
  if (at == std::string_view::npos) return absl::InternalError("the page of reports has no place for data");
  const std::string quoted = nlohmann::json(base::ValidUtf8(title)).dump();
  std::string filled;
  filled.reserve(page.size() + document.json.size() + quoted.size() + 64);
  absl::StrAppend(&filled, std::string(page.substr(0, at)), "{\"title\":", InsideScript(quoted),
                  ",\"document\":", InsideScript(document.json), "}", std::string(page.substr(at + kPlace.size())));
  return filled;
}

}  // namespace vickrey::simulator
