// `vickrey`: starts the program of a verb, or says what there is.

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/dispatch.h"
#include "vickrey/base/program.h"
#include "vickrey/base/status.h"

namespace {

using vickrey::base::Exit;

// Writes to stdout; what cannot be written (a full disk) is an error.
int Print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return vickrey::base::kGood;
  return Exit(absl::UnavailableError("cannot write to stdout"));
}

absl::Status UnknownVerb(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& verb : vickrey::client::Verbs()) known.emplace_back(verb.name);
  return vickrey::base::InvalidField(
      "VERB", absl::StrCat("'", std::string(name), "' is not known; known: ", absl::StrJoin(known, ", ")));
}

// Becomes the verb's program; returns only if that cannot be.
absl::Status Become(const vickrey::client::Verb& verb, char** argv) {
  return vickrey::base::BecomeProgram(verb.program, argv + (verb.passes_name ? 1 : 2));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--version") {
    if (argc == 2) return Print(vickrey::base::VersionText("vickrey"));
    if (argc == 3 && argv[2] == std::string_view("--json")) {
      return Print(vickrey::base::VersionJson("vickrey") + "\n");
    }
    return Exit(vickrey::base::InvalidField("--version", "only --json may follow"));
  }
  if (first == "--help" || first == "-h" || first == "help") {
    return Print(vickrey::client::HelpText(vickrey::base::ProgramFolder()));
  }
  if (first.empty()) {
    std::fputs(vickrey::client::HelpText(vickrey::base::ProgramFolder()).c_str(), stderr);
    return vickrey::base::kBadInput;
  }
  const auto verb = vickrey::client::FindVerb(first);
  return Exit(verb.has_value() ? Become(*verb, argv) : UnknownVerb(first));
}
