#ifndef TOOLS_RULE_FLAGS_H_
#define TOOLS_RULE_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::tools {

// The flags of an auction's rules.
struct RuleFlags {
  void Declare(CLI::App& app);
  // INVALID_ARGUMENT naming the flag that is wrong.
  absl::StatusOr<auction::Rules> Rules() const;

  std::string mechanism = "second_price";
  int slots = 1;
  std::vector<double> position_multipliers;
  int64_t reserve_click_micros = 0;
  int64_t reserve_mille_micros = 0;
};

}  // namespace vickrey::tools

#endif  // TOOLS_RULE_FLAGS_H_
