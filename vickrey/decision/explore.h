#ifndef VICKREY_DECISION_EXPLORE_H_
#define VICKREY_DECISION_EXPLORE_H_

#include "absl/status/status.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/auction_service.pb.h"

namespace vickrey::decision {

// Randomised exploration. With probability `share`, in [0, 1], the slots of a decided auction are given to eligible
// candidates drawn without replacement, all alike, instead of to the best; either way `outcome` gets the propensity of
// each placement: of n eligible candidates each is in a given slot with probability share / n, and the one that ranks
// there with 1 - share more. A share of 0 changes nothing.
//
// A winner that was drawn pays what the mechanism asks of a lone bidder: the reserve, or nothing; its bid, where
// winners pay their bids. Under a truthful mechanism that keeps the whole truthful: whether it is drawn does not depend
// on the bid, and neither does what it pays, but for the reserve that the bid must reach.
//
// What is drawn is a function of the auction's id, so that a call that is made again is decided alike; an auction that
// explores at one share does so at every greater one.
//
// The errors of auction::Mechanism::Run. REQUIRES: `outcome` is Decide's of the same mechanism and auction.
absl::Status Explore(double share, const auction::Mechanism& mechanism, const vickrey::v1::Auction& auction,
                     vickrey::v1::Outcome* outcome);

}  // namespace vickrey::decision

#endif  // VICKREY_DECISION_EXPLORE_H_
