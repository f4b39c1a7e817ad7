// What a decided auction was worth, given click probabilities to judge it by.
#ifndef VICKREY_AUCTION_SETTLEMENT_H_
#define VICKREY_AUCTION_SETTLEMENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "vickrey/auction/auction.h"

namespace vickrey::auction {

// All in units of the currency, expected per auction; x is the placement's examination.
struct Settlement {
  double welfare = 0;         // sum over placements of x value p
  double revenue = 0;         // sum over placements of x price p
  double surplus = 0;         // welfare - revenue
  double oracle_welfare = 0;  // the most that any placement is worth, reserve or not: what perfect ranking would give
  double regret = 0;          // oracle_welfare - welfare; meaningful for probabilities only, not for clicks
};

// REQUIRES: `values_micros` (what a click is worth to each advertiser) and `probabilities` (of a click in slot 1) have
// an entry for each candidate of the auction; `position_multipliers` are those of the mechanism that decided it.
Settlement Settle(const Outcome& outcome, std::span<const double> position_multipliers,
                  std::span<const int64_t> values_micros, std::span<const double> probabilities);

// The part of it that does not depend on the outcome: the candidates of greatest worth, value x p, in that order, in
// the slots. In the unit of `worths`, none of which is negative. `scratch` is kept for its memory.
double OracleWelfare(std::span<const double> position_multipliers, std::span<const double> worths,
                     std::vector<double>* scratch);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_SETTLEMENT_H_
