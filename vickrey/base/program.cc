#include "vickrey/base/program.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/build_info.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::base {
namespace {

vickrey::v1::VersionLine Version(std::string_view program) {
  const BuildInfo info = GetBuildInfo();
  vickrey::v1::VersionLine line;
  line.set_program(std::string(program));
  line.set_version(info.version);
  line.set_commit(info.commit);
  line.set_compiler(info.compiler);
  line.set_build(info.build);
  line.set_libtorch(info.libtorch);
  for (const auto& [library, version] : info.libraries) (*line.mutable_libraries())[library] = version;
  return line;
}

}  // namespace

std::string VersionText(std::string_view program) {
  const vickrey::v1::VersionLine v = Version(program);
  std::string text = absl::StrCat(v.program(), " ", v.version(), "\n");
  if (!v.commit().empty()) absl::StrAppend(&text, "commit    ", v.commit(), "\n");
  absl::StrAppend(&text, "compiler  ", v.compiler(), ", ", v.build(), "\n");
  absl::StrAppend(&text, "LibTorch  ", v.libtorch().empty() ? "none" : v.libtorch(), "\n");
  for (const auto& [library, version] : GetBuildInfo().libraries) {
    absl::StrAppend(&text, std::string(library), std::string(10 - library.size(), ' '), std::string(version), "\n");
  }
  return text;
}

std::string VersionJson(std::string_view program) { return ToJson(Version(program)); }

int Exit(const absl::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", ErrorLine(status).c_str());
  return ExitCodeOf(status);
}

}  // namespace vickrey::base
