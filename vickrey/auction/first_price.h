#ifndef VICKREY_AUCTION_FIRST_PRICE_H_
#define VICKREY_AUCTION_FIRST_PRICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {

// The first-price auction of K slots: the k-th best eligible candidate gets slot k and pays its bid. The reserve
// decides who is eligible only. A bidder gains by bidding less than its value, so bids are no values.
//
// INVALID_ARGUMENT for what CheckRules refuses.
absl::StatusOr<std::unique_ptr<Mechanism>> MakeFirstPrice(const Rules& rules);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_FIRST_PRICE_H_
