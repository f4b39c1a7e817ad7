#include "vickrey/auction/vcg.h"

#include <algorithm>
#include <cmath>

#include "vickrey/auction/ranked_mechanism.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

// Rounding in the sum must not cost a micro where the exact price is a whole number: what is above one by no more than
// so many roundings may come to, as a share, and never by a quarter of a micro, is that number.
double RoundedUp(double price, size_t terms) {
  return std::ceil(price - std::min(price * static_cast<double>(terms + 4) * 0x1p-52, 0.25));
}

struct VcgPricing {
  static constexpr bool kIsCriticalBid = false;

  int64_t operator()(const Mechanism& mechanism, Ranked ranked, size_t k) const {
    const std::span<const double> x = mechanism.position_multipliers();
    const Floors floors(mechanism.reserve());  // of which one is 0
    const Bidder& bidder = ranked[k];
    // What the reserve asks for of every slot telescopes to R / f_k, which is r under a click reserve; the sum is of
    // what is bid above it.
    const double reserve = std::max(floors.bid * bidder.pctr, floors.score);  // R
    double above = 0;
    size_t j = k;
    for (; j < x.size() && j + 1 < ranked.size(); ++j) {
      const double next = j + 1 < x.size() ? x[j + 1] : 0;
      above += (x[j] - next) * std::max(ranked[j + 1].score - reserve, 0.0);
    }
    above = above / x[k] / bidder.pctr;  // one by one: the product may underflow
    if (floors.score > 0) above += floors.score / bidder.pctr;
    const double whole = floors.bid + RoundedUp(above, j - k);  // r is whole already
    return static_cast<int64_t>(std::min(whole, static_cast<double>(bidder.bid_micros)));
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> MakeVcg(const Rules& rules) {
  RETURN_IF_ERROR(CheckRules(rules));
  return std::make_unique<RankedMechanism<VcgPricing>>(rules);
}

}  // namespace vickrey::auction
