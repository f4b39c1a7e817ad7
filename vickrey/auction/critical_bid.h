#ifndef VICKREY_AUCTION_CRITICAL_BID_H_
#define VICKREY_AUCTION_CRITICAL_BID_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vickrey/auction/bidder.h"

namespace vickrey::auction {

namespace internal {

// The least bid with which `bidder` still ranks before `next` (none: nullptr) and reaches `floor`, by the comparator
// itself. True up to some bid and from there on; the guess is off by rounding only, so the loops take a step or two.
inline int64_t LeastBid(const Bidder& bidder, const Bidder* next, double floor, int64_t guess) {
  const auto keeps = [&](int64_t bid) {
    const double score = Score(bid, bidder.pctr);
    return score >= floor && (next == nullptr || Beats(score, bidder.index, next->score, next->index));
  };
  int64_t bid = guess;
  while (bid > kMinBidMicros && keeps(bid - 1)) --bid;
  while (bid < bidder.bid_micros && !keeps(bid)) ++bid;
  return bid;
}

}  // namespace internal

// The critical bid: the least whole number of micros, at most its bid, with which `bidder` would keep its slot, the
// others' bids as they are: rank before `next`, the eligible bidder behind it (nullptr: none), by the same comparator,
// and satisfy the reserve. 0 where there is neither.
//
// REQUIRES: `bidder` ranks before `next` and is eligible.
inline int64_t CriticalBid(const Bidder& bidder, const Bidder* next, const Reserve& reserve) {
  const Floors floors(reserve);
  const auto least = static_cast<int64_t>(floors.bid);
  const double target = std::max(next == nullptr ? 0 : next->score, floors.score);
  if (target == 0) return least;
  const double quotient = target / bidder.pctr;  // at most about the bid
  // Truncation is as good a start as the ceiling and needs no library call; the bid is between 1 and 10^15.
  const int64_t guess = std::min(static_cast<int64_t>(quotient) + 1, bidder.bid_micros);
  // Nearly always the guess keeps the slot and one less does not, both clear of a tie.
  const bool clear = Score(guess, bidder.pctr) > target && Score(guess - 1, bidder.pctr) < target;
  return std::max(clear ? guess : internal::LeastBid(bidder, next, floors.score, guess), least);
}

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_CRITICAL_BID_H_
