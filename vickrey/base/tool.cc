#include "vickrey/base/tool.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <new>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "vickrey/base/known_words.h"
#include "vickrey/base/program.h"
#include "vickrey/base/table.h"

namespace vickrey::base {
namespace {

constexpr char kCheckFailedUrl[] = "vickrey.check_failed";
constexpr size_t kBufferBytes = size_t{1} << 16;

// What is still to be written to stdout, and whether all so far could be.
std::string& Pending() {
  static std::string pending;
  return pending;
}
bool stdout_failed = false;

void WriteOut(std::string_view text) {
  while (!text.empty() && !stdout_failed) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      stdout_failed = true;
    }
  }
}

// CLI11 reads "010" as 8, "0x10" as 16, "-1" as 2^64 - 1 where a number is unsigned, and "nan" as a number.
std::string NotDecimal(const std::string& text, bool is_signed, bool whole) {
  const std::string_view digits = std::string_view(text).substr(is_signed && text.starts_with('-') ? 1 : 0);
  int64_t n = 0;
  uint64_t u = 0;
  double x = 0;
  const bool padded =
      digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of("0123456789") == std::string::npos;
  const bool good =
      whole ? digits.find_first_not_of("0123456789") == std::string::npos &&
                  (is_signed ? absl::SimpleAtoi(text, &n) : absl::SimpleAtoi(text, &u))
            : text.find_first_of("xX") == std::string::npos && absl::SimpleAtod(text, &x) && std::isfinite(x);
  return good && !padded
             ? ""
             : absl::StrCat("'", text, "' is not a ", whole ? "whole " : "finite ", "decimal number in range");
}

void CheckNumbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type.starts_with("TEXT")) {  // an unset variable of a shell is no value
      option->check(
          CLI::Validator([](std::string& text) { return text.empty() ? "needs a value" : std::string(); }, ""));
    }
    const bool is_float = type.starts_with("FLOAT"), is_unsigned = type.starts_with("UINT");
    if (!is_float && !is_unsigned && !type.starts_with("INT")) continue;
    option->check(CLI::Validator([=](std::string& text) { return NotDecimal(text, !is_unsigned, !is_float); }, ""));
  }
  for (CLI::App* verb : app.get_subcommands({})) CheckNumbers(*verb);
}

// The flag that a message of CLI11 is about: the first word that begins with two dashes, or a positional's name.
std::string FlagOf(const std::string& message) {
  const size_t begin = message.find("--");
  if (begin != std::string::npos) {
    size_t end = begin + 2;
    while (end < message.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(message[end])) || message[end] == '-'))
      ++end;
    return message.substr(begin, end - begin);
  }
  return message.substr(0, message.find_first_of(" :"));
}

}  // namespace

absl::Status CheckFailed() {
  absl::Status status = absl::FailedPreconditionError("the check failed");
  status.SetPayload(kCheckFailedUrl, absl::Cord());
  return status;
}

Tool::Tool(std::string program, const std::string& description, const std::string& command)
    : program_(std::move(program)), app_(description) {
  std::ios_base::sync_with_stdio(false);
  // Abseil as distributions build it looks for deadlocks at every lock, for tests.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  std::string name = program_;
  if (const size_t dash = name.find('-'); dash != std::string::npos) name[dash] = ' ';
  app_.name(command.empty() ? name : command);
  // Run answers it before anything else is looked at; declared for --help.
  app_.add_flag_function(
      "--version", [](int64_t) {}, "Say what this program is made of (--json: for machines)");
  app_.require_subcommand(0, 1);
}

CLI::App& Tool::AddVerb(const std::string& name, const std::string& summary, const std::string& example,
                        std::function<absl::Status()> run) {
  return AddVerb(app_, name, summary, example, std::move(run));
}

CLI::App& Tool::AddVerb(CLI::App& parent, const std::string& name, const std::string& summary,
                        const std::string& example, std::function<absl::Status()> run) {
  CLI::App& verb = *parent.add_subcommand(name, summary);
  verb.footer(absl::StrCat("Example:\n  ", example));
  verb.option_defaults()->always_capture_default();
  verb.callback([this, run = std::move(run)] {
    if (status_.ok()) status_ = run();
  });
  return verb;
}

CLI::App& Tool::SetAction(const std::string& example, std::function<absl::Status()> run) {
  has_action_ = true;
  app_.require_subcommand(0, 0);
  app_.option_defaults()->always_capture_default();
  app_.footer(absl::StrCat("Example:\n  ", example));
  app_.callback([this, run = std::move(run)] { status_ = run(); });
  return app_;
}

int Tool::Run(int argc, char** argv) {
  if (argc >= 2 && argv[1] == std::string_view("--version")) {
    const bool json = argc == 3 && argv[2] == std::string_view("--json");
    if (argc > 2 && !json) return Exit(InvalidField("--version", "only --json may follow"));
    WriteOut(json ? VersionJson(program_) + "\n" : VersionText(program_));
    return Exit(FlushLines());
  }
  CheckNumbers(app_);
  if (const absl::Status known = CheckWords(app_, {argv + 1, argv + argc}); !known.ok()) return Exit(known);
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    std::fputs(app_.help().c_str(), stdout);
    return std::fflush(stdout) == 0 ? kGood : kEnvironment;
  } catch (const CLI::ParseError& error) {
    return Exit(
        AboutField(absl::InvalidArgumentError(absl::StrCat(error.what(), "; see --help")), FlagOf(error.what())));
  } catch (const std::bad_alloc&) {
    return Exit(absl::ResourceExhaustedError("there is not enough memory"));
  } catch (const std::exception& error) {
    return Exit(absl::InternalError(error.what()));
  }
  if (!has_action_ && app_.get_subcommands().empty()) {
    return Exit(absl::InvalidArgumentError("a verb is required; see --help"));
  }
  const absl::Status flushed = FlushLines();
  if (status_.ok()) return Exit(flushed);
  if (status_.GetPayload(kCheckFailedUrl).has_value()) return kCheckFailed;
  return Exit(status_);
}

void WriteLine(const google::protobuf::Message& message) {
  Pending().append(ToJson(message)).push_back('\n');
  if (Pending().size() >= kBufferBytes || InputWouldWait()) FlushLines().IgnoreError();  // the end of Run reports it
}

absl::Status FlushLines() {
  WriteOut(Pending());
  Pending().clear();
  return stdout_failed ? absl::UnavailableError("cannot write to stdout") : absl::OkStatus();
}

void WriteSummary(const google::protobuf::Message& message, bool json) {
  if (json || isatty(STDOUT_FILENO) != 1) return WriteLine(message);
  Pending().append(TableOf(message));
}

bool InputWouldWait() {
  if (std::cin.rdbuf()->in_avail() > 0) return false;
  pollfd in = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return poll(&in, 1, 0) == 0;
}

}  // namespace vickrey::base
