// What command-line programs have in common: verbs with flags, JSON lines in and out, errors and exit codes.
#ifndef VICKREY_BASE_TOOL_H_
#define VICKREY_BASE_TOOL_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"

namespace vickrey::base {

// A check that was made and whose answer is no: the program exits with 1 and says nothing more.
absl::Status CheckFailed();

// A program of verbs, or of one action:
//   1. declare verbs with their flags, or the action with its;
//   2. Run parses, runs the verb that was named, or the action, and gives the exit code.
//
// Not thread-safe.
class Tool {
 public:
  // `command`: how people call it, where that is not the program's name with a blank for its first dash ("vickrey
  // log").
  Tool(std::string program, const std::string& description, const std::string& command = "");

  // A verb that runs `run`; `example` is a command that works. The app is for declaring its flags.
  CLI::App& AddVerb(const std::string& name, const std::string& summary, const std::string& example,
                    std::function<absl::Status()> run);

  // A verb of a verb.
  CLI::App& AddVerb(CLI::App& parent, const std::string& name, const std::string& summary, const std::string& example,
                    std::function<absl::Status()> run);

  // For a program without verbs: it runs `run` itself. The app is for declaring its flags.
  CLI::App& SetAction(const std::string& example, std::function<absl::Status()> run);

  int Run(int argc, char** argv);

 private:
  const std::string program_;
  CLI::App app_;
  bool has_action_ = false;
  absl::Status status_;
};

// Writes a message to stdout as a line. Lines are collected, and written when the input has nothing more to say for
// now, so that a program that waits for each answer gets it, and a pipe is fast.
void WriteLine(const google::protobuf::Message& message);
// Whether everything could be written.
absl::Status FlushLines();

// Writes the summary of a verb: a table on a terminal, a line of JSON anywhere else or where `json` asks for it.
void WriteSummary(const google::protobuf::Message& message, bool json);

// Calls `f` on each line of stdin, read into a T. Stops at the first error, which then names the line.
template <typename T, typename F>
absl::Status ForEachLine(F f) {
  JsonLineReader reader(&std::cin);
  T line;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Next(&line));
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(AtLine(f(line), reader.line()));
  }
}

// Whether reading stdin would wait: nothing is buffered and nothing has arrived.
bool InputWouldWait();

}  // namespace vickrey::base

#endif  // VICKREY_BASE_TOOL_H_
