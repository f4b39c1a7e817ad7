// `vickrey VERB ARGS`, in the manner of git: each verb is a program of its own beside `vickrey`.
#ifndef VICKREY_CLIENT_CLI_DISPATCH_H_
#define VICKREY_CLIENT_CLI_DISPATCH_H_

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vickrey::client {

struct Verb {
  std::string_view name;     // what is typed: "serve"
  std::string_view program;  // what runs: "vickrey-server"
  std::string_view summary;
  bool passes_name = false;  // whether the program has several verbs and is told which
};

// All verbs, in the order in which they are shown.
std::span<const Verb> Verbs();

// Nothing if there is no such verb.
std::optional<Verb> FindVerb(std::string_view name);

// What `vickrey --help` prints. A verb whose program is not in `folder` is marked as not installed.
std::string HelpText(const std::filesystem::path& folder);

}  // namespace vickrey::client

#endif  // VICKREY_CLIENT_CLI_DISPATCH_H_
