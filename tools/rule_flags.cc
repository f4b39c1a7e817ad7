#include "tools/rule_flags.h"

#include <utility>

#include "vickrey/base/status.h"

namespace vickrey::tools {

void RuleFlags::Declare(CLI::App& app) {
  app.add_option("--mechanism", mechanism, "second_price, gsp, vcg or first_price");
  app.add_option("--slots", slots, "Slots to sell");
  app.add_option("--position-multipliers", position_multipliers, "Examination of each slot, from 1 down: 1,.7")
      ->delimiter(',');
  auto* click = app.add_option("--reserve-click-micros", reserve_click_micros, "Least bid, micros a click");
  app.add_option("--reserve-mille-micros", reserve_mille_micros, "Least score, micros a thousand impressions")
      ->excludes(click);
  for (const auto& [flag, most] : {std::pair("--reserve-click-micros", auction::kMaxBidMicros),
                                   std::pair("--reserve-mille-micros", auction::kMaxMilleMicros)}) {
    app.get_option(flag)->default_str("none")->check(CLI::Range(int64_t{1}, most));
  }
}

absl::StatusOr<auction::Rules> RuleFlags::Rules() const {
  auction::Rules rules{.mechanism = mechanism, .slots = slots, .position_multipliers = position_multipliers};
  if (reserve_click_micros > 0) rules.reserve = {auction::Reserve::Kind::kClick, reserve_click_micros};
  if (reserve_mille_micros > 0) rules.reserve = {auction::Reserve::Kind::kMille, reserve_mille_micros};
  RETURN_IF_ERROR(auction::MakeMechanism(rules));
  return rules;
}

}  // namespace vickrey::tools
