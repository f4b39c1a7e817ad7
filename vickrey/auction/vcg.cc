#include "vickrey/auction/vcg.h"

#include <algorithm>
#include <cmath>

#include "vickrey/auction/ranked_mechanism.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

// Rounding in the sum must not cost a micro where the exact price is a whole number: what is above one by no more than
// so many roundings may come to, as a share, is that number.
// It never is a micro.
double RoundedUp(double price, size_t terms) {
  return std::ceil(price - std::min(price * static_cast<double>(terms + 4) * 0x1p-52, 0.25));
}

struct Pricing {
  static constexpr bool kIsCriticalBid = false;

  int64_t operator()(const Mechanism& mechanism, Ranked ranked, size_t k) const {
    const std::span<const double> x = mechanism.position_multipliers();
    const Reserve& reserve = mechanism.reserve();
    const Bidder& bidder = ranked[k];
    // What the reserve asks for of every slot telescopes to R / f_k, which is r to the micro under a click reserve;
    // the sum is of what is bid above it.
    const bool per_click = reserve.kind == Reserve::Kind::kClick, per_mille = reserve.kind == Reserve::Kind::kMille;
    const auto micros = static_cast<double>(reserve.micros);
    const double of_score = per_click ? micros * bidder.pctr : per_mille ? micros / 1000 : 0;  // R
    const double of_click = per_click ? micros : per_mille ? of_score / bidder.pctr : 0;       // R / f_k
    double above = 0;
    size_t j = k;
    for (; j < x.size() && j + 1 < ranked.size(); ++j) {
      const double next = j + 1 < x.size() ? x[j + 1] : 0;
      above += (x[j] - next) * std::max(ranked[j + 1].score - of_score, 0.0);
    }
    const double part = above / x[k] / bidder.pctr;  // one by one: the product may underflow
    // r is whole: only what is above it is rounded.
    const double whole = per_click ? of_click + RoundedUp(part, j - k) : RoundedUp(of_click + part, j - k);
    return static_cast<int64_t>(std::min(whole, static_cast<double>(bidder.bid_micros)));
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> MakeVcg(const Rules& rules) {
  RETURN_IF_ERROR(CheckRules(rules));
  return std::make_unique<RankedMechanism<Pricing>>(rules);
}

}  // namespace vickrey::auction
