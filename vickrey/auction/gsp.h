#ifndef VICKREY_AUCTION_GSP_H_
#define VICKREY_AUCTION_GSP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {

// The generalised second-price auction of K slots (Edelman, Ostrovsky, Schwarz 2007; Varian 2007): the k-th best
// eligible candidate gets slot k and pays the least whole number of micros with which it would keep that slot from the
// one ranked k + 1, and under the reserve. Position multipliers cancel from the price. With one slot it is the
// second-price auction; with more, bidding one's value is not a best response in general.
//
// INVALID_ARGUMENT for what CheckRules refuses.
absl::StatusOr<std::unique_ptr<Mechanism>> MakeGsp(const Rules& rules);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_GSP_H_
