#include "vickrey/auction/gsp.h"

#include "vickrey/auction/critical_bid.h"
#include "vickrey/auction/ranked_mechanism.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

struct GspPricing {
  static constexpr bool kIsCriticalBid = true;

  int64_t operator()(const Mechanism& mechanism, Ranked ranked, size_t k) const {
    return CriticalBid(ranked[k], k + 1 < ranked.size() ? &ranked[k + 1] : nullptr, mechanism.reserve());
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> MakeGsp(const Rules& rules) {
  RETURN_IF_ERROR(CheckRules(rules));
  return std::make_unique<RankedMechanism<GspPricing>>(rules);
}

}  // namespace vickrey::auction
