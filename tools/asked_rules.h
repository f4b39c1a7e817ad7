#ifndef TOOLS_ASKED_RULES_H_
#define TOOLS_ASKED_RULES_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "tools/rule_flags.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::tools {

// The rules that a server is asked to run auctions by: flags of rules, or the name of one of its placements.
class AskedRules {
 public:
  void Declare(CLI::App& app);
  // As they were given: it is the server that checks them. Without any flag there are none, which is its default.
  absl::StatusOr<vickrey::v1::AuctionRules> Message() const;
  // A flag that was given, "--slots"; empty: none.
  std::string given() const;

 private:
  std::string placement_;
  RuleFlags flags_;
  const CLI::App* app_ = nullptr;
};

}  // namespace vickrey::tools

#endif  // TOOLS_ASKED_RULES_H_
