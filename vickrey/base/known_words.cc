#include "vickrey/base/known_words.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

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

}  // namespace

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
    const auto verb =
        std::find_if(verbs.begin(), verbs.end(), [&](const CLI::App* of) { return of->get_name() == word; });
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

}  // namespace vickrey::base
