#ifndef VICKREY_AUCTION_SECOND_PRICE_H_
#define VICKREY_AUCTION_SECOND_PRICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {

// The second-price auction of one slot, paid per click (Vickrey 1961, with scores in the place of bids as in Edelman,
// Ostrovsky, Schwarz 2007 for one slot): the best eligible candidate wins and pays the critical bid, which is the least
// whole number of micros with which it would still win, the other bids being as they are, and under the reserve. A lone
// eligible candidate pays the reserve, or 0 where there is none. Bidding one's value is a best response.
//
// INVALID_ARGUMENT for more than one slot, for what CheckRules refuses.
absl::StatusOr<std::unique_ptr<Mechanism>> MakeSecondPrice(const Rules& rules);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_SECOND_PRICE_H_
