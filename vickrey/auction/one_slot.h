#ifndef VICKREY_AUCTION_ONE_SLOT_H_
#define VICKREY_AUCTION_ONE_SLOT_H_

#include <cstddef>
#include <cstdint>

#include "vickrey/auction/auction.h"
#include "vickrey/auction/batch.h"

namespace vickrey::auction {

// Candidates up to which an auction is decided in a lane of a vector, beside others.
inline constexpr size_t kShortAuction = 32;

// Decides the auctions of a valid batch for one slot at the critical bid (critical_bid.h): many short ones at a time.
// Writes a winner and a price for each. REQUIRES: no auction is longer than kShortAuction.
void SettleOneSlot(const Batch& batch, const Reserve& reserve, int32_t* winners, int64_t* prices_micros);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_ONE_SLOT_H_
