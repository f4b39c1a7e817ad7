// AuctionLines as auctions that can be decided and judged.
#ifndef TOOLS_JUDGE_H_
#define TOOLS_JUDGE_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/metric/welfare.h"
#include "vickrey/v1/lines.pb.h"

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

// INVALID_ARGUMENT naming the auction, the candidate and the field that is out of range. Bids are left to the
// mechanism.
absl::StatusOr<metric::JudgedAuction> Judge(const vickrey::v1::AuctionLine& line);

}  // namespace vickrey::tools

#endif  // TOOLS_JUDGE_H_
