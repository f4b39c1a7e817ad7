#ifndef VICKREY_AUCTION_VCG_H_
#define VICKREY_AUCTION_VCG_H_

#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {

// The Vickrey-Clarke-Groves auction of K slots (Vickrey 1961, Clarke 1971, Groves 1973; for position auctions Edelman,
// Ostrovsky, Schwarz 2007): the k-th best eligible candidate gets slot k and pays what its presence costs the others
// and, under a reserve, the seller. With x_j the position multipliers (x_{K+1} = 0), f_k its pCTR, s_j the score ranked
// j (0 past the last eligible one) and R the reserve per impression (f_k r where it is r per click), the price of a
// click is
//
//   (1 / (x_k f_k)) sum_{j = k .. K} (x_j - x_{j+1}) max(s_{j+1}, R)
//
// rounded up to a whole micro, once, and capped by the bid. Bidding one's value is a best response, to the micro.
//
// INVALID_ARGUMENT for what CheckRules refuses.
absl::StatusOr<std::unique_ptr<Mechanism>> MakeVcg(const Rules& rules);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_VCG_H_
