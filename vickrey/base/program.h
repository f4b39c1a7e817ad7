// What every program of the project does alike: --version, help, errors and exit codes.
#ifndef VICKREY_BASE_PROGRAM_H_
#define VICKREY_BASE_PROGRAM_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace vickrey::base {

// What `PROGRAM --version` prints, for people: the program and its version, then what it was built with and of, a line
// each. It ends with a newline.
std::string VersionText(std::string_view program);
// What `PROGRAM --version --json` prints (VersionLine of lines.proto), without a newline.
std::string VersionJson(std::string_view program);

// Reports how the program ended: an error goes to stderr as an ErrorLine. Returns the exit code.
int Exit(const absl::Status& status);

// The folder of the running program.
std::filesystem::path ProgramFolder();

// Becomes the program `name`, which lies beside the running one, with `args` (ended by a null pointer) behind its name:
// stdin, stdout and the exit code are its own. Returns only if that cannot be: UNAVAILABLE saying why.
absl::Status BecomeProgram(std::string_view name, char* const* args);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_PROGRAM_H_
