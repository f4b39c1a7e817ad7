#include "simulator/rules.h"

#include "absl/strings/ascii.h"

namespace vickrey::simulator {

using vickrey::v1::AuctionRules;

AuctionRules RulesOf(const vickrey::config::v1::SimulateConfig& config) {
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

}  // namespace vickrey::simulator
