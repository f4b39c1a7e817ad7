#include "vickrey/auction/first_price.h"

#include "vickrey/auction/ranked_mechanism.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

struct FirstPricePricing {
  static constexpr bool kIsCriticalBid = false;

  int64_t operator()(const Mechanism&, Ranked ranked, size_t k) const { return ranked[k].bid_micros; }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> MakeFirstPrice(const Rules& rules) {
  RETURN_IF_ERROR(CheckRules(rules));
  return std::make_unique<RankedMechanism<FirstPricePricing>>(rules);
}

}  // namespace vickrey::auction
