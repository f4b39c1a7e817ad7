#include "vickrey/auction/second_price.h"

#include "absl/strings/str_cat.h"
#include "vickrey/auction/critical_bid.h"
#include "vickrey/auction/ranked_mechanism.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

struct SecondPricePricing {
  static constexpr bool kIsCriticalBid = true;

  int64_t operator()(const Mechanism& mechanism, Ranked ranked, size_t k) const {
    return CriticalBid(ranked[k], ranked.size() > 1 ? &ranked[1] : nullptr, mechanism.reserve());
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> MakeSecondPrice(const Rules& rules) {
  RETURN_IF_ERROR(CheckRules(rules));
  if (rules.slots != 1) {
    return base::InvalidField(
        "slots",
        absl::StrCat(rules.slots, " is not possible with second_price, which has 1 slot; gsp and vcg have more"));
  }
  return std::make_unique<RankedMechanism<SecondPricePricing>>(rules);
}

}  // namespace vickrey::auction
