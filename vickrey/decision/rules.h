#ifndef VICKREY_DECISION_RULES_H_
#define VICKREY_DECISION_RULES_H_

#include "absl/strings/ascii.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::decision {

// The rules that a configuration says by its fields `mechanism`, `slots`, `position_multipliers` and
// `reserve_click_micros` or `reserve_mille_micros`. `config`: finished.
template <typename Config>
vickrey::v1::AuctionRules RulesOf(const Config& config) {
  using vickrey::v1::AuctionRules;
  AuctionRules rules;
  AuctionRules::Mechanism mechanism = AuctionRules::UNSPECIFIED;
  AuctionRules::Mechanism_Parse(absl::AsciiStrToUpper(config.mechanism()), &mechanism);
  rules.set_mechanism(mechanism);
  rules.set_slots(config.slots());
  *rules.mutable_position_multipliers() = config.position_multipliers();
  if (config.has_reserve_click_micros()) rules.mutable_reserve()->set_click_micros(config.reserve_click_micros());
  if (config.has_reserve_mille_micros()) rules.mutable_reserve()->set_mille_micros(config.reserve_mille_micros());
  return rules;
}

}  // namespace vickrey::decision

#endif  // VICKREY_DECISION_RULES_H_
