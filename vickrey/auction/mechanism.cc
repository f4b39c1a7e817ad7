#include "vickrey/auction/mechanism.h"

#include "absl/strings/str_cat.h"
#include "vickrey/auction/second_price.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

struct Entry {
  std::string_view name;
  absl::StatusOr<std::unique_ptr<Mechanism>> (*make)(const Rules&);
};

constexpr Entry kMechanisms[] = {
    {"second_price", &SecondPrice::Create},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> MakeMechanism(const Rules& rules) {
  std::string known;
  for (const Entry& entry : kMechanisms) {
    if (entry.name == rules.mechanism) return entry.make(rules);
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.name));
  }
  return base::InvalidField("mechanism", absl::StrCat("'", rules.mechanism, "' is not known; known: ", known));
}

}  // namespace vickrey::auction
