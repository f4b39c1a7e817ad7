#include "tools/asked_rules.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionRules;

constexpr const char* kPlacement = "--placement";
constexpr const char* kFlags[] = {"--mechanism", "--slots", "--position-multipliers", "--reserve-click-micros",
                                  "--reserve-mille-micros"};

}  // namespace

void AskedRules::Declare(CLI::App& app) {
  app_ = &app;
  CLI::Option* const placement =
      app.add_option(kPlacement, placement_, "The server's name for the rules, in the place of the flags below")
          ->default_str("none");
  flags_.Declare(app);
  for (const char* flag : kFlags) placement->excludes(app.get_option(flag));
}

absl::StatusOr<AuctionRules> AskedRules::Message() const {
  AuctionRules rules;
  if (given().empty()) return rules;
  rules.set_placement(placement_);
  if (!placement_.empty()) return rules;
  AuctionRules::Mechanism mechanism;
  if (!AuctionRules::Mechanism_Parse(absl::AsciiStrToUpper(flags_.mechanism), &mechanism)) {
    return base::InvalidField(
        "--mechanism",
        absl::StrCat("'", flags_.mechanism, "' is not known; second_price, gsp, vcg and first_price are"));
  }
  rules.set_mechanism(mechanism);
  rules.set_slots(flags_.slots);
  rules.mutable_position_multipliers()->Add(flags_.position_multipliers.begin(), flags_.position_multipliers.end());
  if (flags_.reserve_click_micros > 0) rules.mutable_reserve()->set_click_micros(flags_.reserve_click_micros);
  if (flags_.reserve_mille_micros > 0) rules.mutable_reserve()->set_mille_micros(flags_.reserve_mille_micros);
  return rules;
}

std::string AskedRules::given() const {
  if (app_->count(kPlacement) > 0) return kPlacement;
  for (const char* flag : kFlags) {
    if (app_->count(flag) > 0) return flag;
  }
  return "";
}

}  // namespace vickrey::tools
