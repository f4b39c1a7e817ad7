#include "vickrey/base/sealed_json.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

std::string Sealed(const std::string& content) {
  return absl::StrCat("{\"sha256\":\"", Sha256Hex(content), "\",\"content\":", content, "}\n");
}

}  // namespace

absl::Status WriteSealed(const std::filesystem::path& file, const google::protobuf::Message& message) {
  return WriteFileAtomically(file, Sealed(ToJson(message)));
}

absl::Status ReadSealed(const std::filesystem::path& file, google::protobuf::Message* message) {
  std::error_code error;
  if (std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error)) {
    return absl::DataLossError(absl::StrCat(file.string(), " is not a file"));
  }
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  constexpr std::string_view kKey = "\"content\":", kEnd = "}\n";
  const size_t key = text.find(kKey);
  std::string content;
  if (key != std::string::npos && text.ends_with(kEnd)) {
    content = text.substr(key + kKey.size(), text.size() - key - kKey.size() - kEnd.size());
  }
  if (text != Sealed(content) || !FromJson(content, message).ok()) {
    return absl::DataLossError(absl::StrCat(file.string(), " was changed since it was written"));
  }
  return absl::OkStatus();
}

}  // namespace vickrey::base
