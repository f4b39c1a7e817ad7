// What the price of a slot depends on.
#ifndef VICKREY_AUCTION_BIDDER_H_
#define VICKREY_AUCTION_BIDDER_H_

#include <cstdint>
#include <span>

#include "vickrey/auction/auction.h"

namespace vickrey::auction {

// An eligible candidate.
struct Bidder {
  int index = 0;
  int64_t bid_micros = 0;
  double pctr = 0;
  double score = 0;
};

inline bool Beats(const Bidder& a, const Bidder& b) { return Beats(a.score, a.index, b.score, b.index); }

// A reserve as two bounds: a candidate is eligible iff its bid and its score reach them and the score is not 0.
struct Floors {
  explicit Floors(const Reserve& reserve)
      : bid(reserve.kind == Reserve::Kind::kClick ? static_cast<double>(reserve.micros) : 0),
        score(reserve.kind == Reserve::Kind::kMille ? static_cast<double>(reserve.micros) / 1000 : 0) {}
  double bid, score;
};

// The bidders that matter to the prices, best first: those placed and, where there is one, the first that is not.
using Ranked = std::span<const Bidder>;

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_BIDDER_H_
