#include "vickrey/auction/mechanism.h"

#include "absl/strings/str_cat.h"
#include "vickrey/auction/first_price.h"
#include "vickrey/auction/gsp.h"
#include "vickrey/auction/second_price.h"
#include "vickrey/auction/vcg.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

struct Entry {
  std::string_view name;
  absl::StatusOr<std::unique_ptr<Mechanism>> (*make)(const Rules&);
};

// A new one is also a value of AuctionRules.Mechanism, by the same name, and in the `one_of` of
// SimulateConfig.mechanism.
constexpr Entry kMechanisms[] = {
    {"second_price", &MakeSecondPrice},
    {"gsp", &MakeGsp},
    {"vcg", &MakeVcg},
    {"first_price", &MakeFirstPrice},
};

absl::Status CheckMultipliers(const Rules& rules) {
  const std::vector<double>& x = rules.position_multipliers;
  if (x.empty()) return absl::OkStatus();
  if (x.size() != static_cast<size_t>(rules.slots)) {
    return base::InvalidField(
        "position_multipliers",
        absl::StrCat("has ", x.size(), " entries; there must be one for each of ", rules.slots, " slots, or none"));
  }
  for (size_t k = 0; k < x.size(); ++k) {
    const std::string field = absl::StrCat("position_multipliers[", k, "]");
    if (k == 0 && x[k] != 1) {
      return base::InvalidField(field, absl::StrCat(x[k], " is not 1: examination is relative to the first slot"));
    }
    if (!(x[k] > 0 && x[k] <= 1)) return base::InvalidField(field, absl::StrCat(x[k], " is not in (0, 1]"));
    if (k > 0 && x[k] > x[k - 1]) {
      return base::InvalidField(
          field, absl::StrCat(x[k], " is more than the slot before has, ", x[k - 1], "; multipliers must not rise"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Mechanism::Mechanism(const Rules& rules)
    : position_multipliers_(rules.position_multipliers.empty() ? std::vector<double>(rules.slots, 1)
                                                               : rules.position_multipliers),
      reserve_(rules.reserve) {}

absl::Status CheckRules(const Rules& rules) {
  if (rules.slots < 1 || rules.slots > kMaxSlots) {
    return base::InvalidField("slots",
                              absl::StrCat(rules.slots, " is out of range; 1 to ", kMaxSlots, " slots are allowed"));
  }
  RETURN_IF_ERROR(CheckMultipliers(rules));
  return rules.reserve.Validate();
}

absl::StatusOr<std::unique_ptr<Mechanism>> MakeMechanism(const Rules& rules) {
  std::string known;
  for (const Entry& entry : kMechanisms) {
    if (entry.name == rules.mechanism) return entry.make(rules);
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.name));
  }
  return base::InvalidField("mechanism", absl::StrCat("'", rules.mechanism, "' is not known; known: ", known));
}

std::vector<std::string_view> MechanismNames() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kMechanisms) names.push_back(entry.name);
  return names;
}

}  // namespace vickrey::auction
