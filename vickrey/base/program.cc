#include "vickrey/base/program.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

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

std::filesystem::path ProgramFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

absl::Status BecomeProgram(std::string_view name, char* const* args) {
  const std::string program = ProgramFolder() / name;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (; *args != nullptr; ++args) argv.push_back(*args);
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  const int error = errno;
  return absl::UnavailableError(
      error == ENOENT ? absl::StrCat("the program ", program, " is not part of this version or was not installed")
                      : absl::StrCat("cannot start ", program, ": ", std::strerror(error)));
}

}  // namespace vickrey::base
