// The fast half of a batch: the few best of each auction.
#ifndef VICKREY_AUCTION_SCAN_H_
#define VICKREY_AUCTION_SCAN_H_

#include <hwy/aligned_allocator.h>

#include <cstdint>

#include "vickrey/auction/batch.h"
#include "vickrey/auction/bidder.h"

namespace vickrey::auction {

// Finds the best `most` eligible candidates of each auction. Its memory is that of one auction's scores. Not
// thread-safe.
class Scan {
 public:
  // `batch`, which is valid, must outlive it.
  Scan(const Batch& batch, const Reserve& reserve, size_t most);

  // Auction a, from <= a < to: writes its best, best first, to bidders + (a - from) x most and how many there are to
  // found[a - from].
  void Best(size_t from, size_t to, Bidder* bidders, int32_t* found);

 private:
  static constexpr size_t kMostLanes = 8;  // doubles in the widest vector

  const Batch& batch_;
  const Floors floors_;
  const size_t most_;
  hwy::AlignedFreeUniquePtr<double[]> scores_;  // of the auction at hand, in whole vectors
};

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_SCAN_H_
