#ifndef VICKREY_BASE_KNOWN_WORDS_H_
#define VICKREY_BASE_KNOWN_WORDS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace vickrey::base {

// INVALID_ARGUMENT, about the word, for the first verb or flag of a command line that there is not, with the one that
// is nearest to it: CLI11 looks first at what is missing, and lists all that it does not know in an order of its own.
absl::Status CheckWords(const CLI::App& root, const std::vector<std::string>& words);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_KNOWN_WORDS_H_
