#include "server/placements.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/decision/rules.h"

namespace vickrey::server {
namespace {

using vickrey::v1::AuctionRules;

absl::StatusOr<Placements::Rules> Make(const AuctionRules& rules, const std::string& where) {
  ASSIGN_OR_RETURN(auto mechanism, decision::MakeMechanism(rules, where));
  return Placements::Rules{.mechanism = std::move(mechanism), .reserve = rules.reserve()};
}

// The first rule that a call gives of its own.
const char* OwnRule(const AuctionRules& rules) {
  if (rules.mechanism() != AuctionRules::UNSPECIFIED) return "mechanism";
  if (rules.slots() != 0) return "slots";
  if (!rules.position_multipliers().empty()) return "position_multipliers";
  return rules.has_reserve() ? "reserve" : nullptr;
}

}  // namespace

absl::StatusOr<Placements> Placements::Open(const std::filesystem::path& file, bool only) {
  vickrey::config::v1::PlacementsConfig config;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &config));
  Placements placements;
  placements.only_ = only;
  for (int i = 0; i < config.placements_size(); ++i) {
    const auto& placement = config.placements(i);
    const std::string where = absl::StrCat(file.string(), ": placements[", i, "].");
    ASSIGN_OR_RETURN(Rules rules, Make(decision::RulesOf(placement), where));
    rules.explore = placement.explore();
    if (!placements.placements_.emplace(placement.name(), std::move(rules)).second) {
      return absl::InvalidArgumentError(absl::StrCat(where, "name: '", placement.name(), "' is there twice"));
    }
  }
  return placements;
}

absl::StatusOr<Placements::Rules> Placements::Find(const AuctionRules& rules, const std::string& where) const {
  if (rules.placement().empty()) {
    if (!only_) return Make(rules, where);
    return base::AboutField(
        absl::PermissionDeniedError(absl::StrCat(where,
                                                 "placement: is missing; this server takes no rules but those "
                                                 "of its placements")),
        where + "placement");
  }
  if (const char* const own = OwnRule(rules); own != nullptr) {
    return base::InvalidField(where + own, "is given beside a placement, which fixes all rules");
  }
  const auto found = placements_.find(rules.placement());
  if (found != placements_.end()) return found->second;
  const std::string known =
      absl::StrJoin(placements_, ", ", [](std::string* out, const auto& placement) { out->append(placement.first); });
  return base::AboutField(
      absl::NotFoundError(absl::StrCat(where, "placement: '", absl::CHexEscape(rules.placement().substr(0, 60)),
                                       "' is not known; known: ", known.empty() ? "none" : known)),
      where + "placement");
}

}  // namespace vickrey::server
