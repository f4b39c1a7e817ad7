#include "vickrey/base/tool.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "vickrey/base/json_syntax.h"
#include "vickrey/base/program.h"

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

// How many characters must be put in, taken out or changed to make the one of the other (Levenshtein).
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

absl::Status UnknownWord(const CLI::App& app, const std::string& word, const std::vector<std::string>& known,
                         std::string_view what) {
  const auto near = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return EditDistance(word, a) < EditDistance(word, b);
  });
  std::string verb = app.get_name();
  for (const CLI::App* of = app.get_parent(); of != nullptr; of = of->get_parent()) {
    verb = absl::StrCat(of->get_name(), " ", verb);
  }
  std::string text =
      absl::StrCat("'", absl::CHexEscape(word.substr(0, 60)), "' is no ", std::string(what), " of `", verb, "`");
  if (near != known.end() && EditDistance(word, *near) <= 2) absl::StrAppend(&text, "; did you mean ", *near, "?");
  if (what == "verb") absl::StrAppend(&text, "; its verbs: ", absl::StrJoin(known, ", "));
  return AboutField(absl::InvalidArgumentError(absl::StrCat(text, "; see --help")), word);
}

// INVALID_ARGUMENT for the first verb or flag that there is not: CLI11 looks first at what is missing, and lists all that
// it does not know in an order of its own.
absl::Status CheckWords(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* app = &root;
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word.starts_with("--")) {
      const std::string flag = word.substr(0, word.find('='));
      bool known = flag == "--help";
      std::vector<std::string> flags;
      for (const CLI::App* of = app; of != nullptr; of = of->get_parent()) {
        known = known || of->get_option_no_throw(flag) != nullptr;
        for (const CLI::Option* option : of->get_options()) {
          for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
        }
      }
      if (!known) return UnknownWord(*app, flag, flags, "flag");
      continue;
    }
    const auto verbs = app->get_subcommands([](const CLI::App*) { return true; });
    if (verbs.empty()) continue;
    const auto verb = std::find_if(verbs.begin(), verbs.end(), [&](const CLI::App* of) { return of->get_name() == word; });
    if (verb != verbs.end()) {
      app = *verb;
      continue;
    }
    std::vector<std::string> names;
    for (const CLI::App* of : verbs) names.push_back(of->get_name());
    if (!word.starts_with("-")) return UnknownWord(*app, word, names, "verb");
  }
  return absl::OkStatus();
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

using Rows = std::vector<std::pair<std::string, std::string>>;
constexpr size_t kMaxDepth = 32;

// A number for people; --json has all digits.
std::string Shown(const nlohmann::json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_float()) return absl::StrCat(json.get<double>());
  if (json.is_null() || (json.is_array() && json.empty()) || (json.is_object() && json.empty())) return "-";
  if (!json.is_array()) return json.dump();
  return absl::StrJoin(json, ", ", [](std::string* out, const nlohmann::json& of) { out->append(Shown(of)); });
}

// A row for each value of an object, and of each object in a list; an interval, and a list of anything else, is one row.
void AddRows(const std::string& name, const nlohmann::json& json, Rows* rows) {
  const auto is_nested = [](const nlohmann::json& of) { return of.is_object() && !of.empty(); };
  if (is_nested(json) && json.size() == 2 && json.contains("low") && json.contains("high")) {
    rows->emplace_back(name, absl::StrCat(Shown(json["low"]), " to ", Shown(json["high"])));
  } else if (is_nested(json)) {
    for (const auto& [key, value] : json.items()) AddRows(absl::StrCat(name, ".", key), value, rows);
  } else if (json.is_array() && std::any_of(json.begin(), json.end(), is_nested)) {
    for (size_t i = 0; i < json.size(); ++i) AddRows(absl::StrCat(name, "[", i, "]"), json[i], rows);
  } else {
    rows->emplace_back(name, Shown(json));
  }
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
  const size_t dash = program_.find('-');
  app_.name(!command.empty() || dash == std::string::npos
                ? (command.empty() ? program_ : command)
                : absl::StrCat(program_.substr(0, dash), " ", program_.substr(dash + 1)));
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
  Rows rows;
  for (const auto& [name, value] : JsonFields(message)) {
    const auto json = ParseJson(value, kMaxDepth);
    if (json.ok()) AddRows(name, *json, &rows);
  }
  size_t width = 0;
  for (const auto& [name, value] : rows) width = std::max(width, name.size());
  for (const auto& [name, value] : rows) {
    absl::StrAppend(&Pending(), name, std::string(width + 2 - name.size(), ' '), value, "\n");
  }
}

bool InputWouldWait() {
  if (std::cin.rdbuf()->in_avail() > 0) return false;
  pollfd in = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return poll(&in, 1, 0) == 0;
}

}  // namespace vickrey::base
