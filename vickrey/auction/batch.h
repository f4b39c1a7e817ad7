// Many auctions as flat arrays: what a mechanism decides at the speed of memory.
#ifndef VICKREY_AUCTION_BATCH_H_
#define VICKREY_AUCTION_BATCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace vickrey::auction {

// A auctions with N candidates in all: those of auction a are offsets[a] .. offsets[a + 1] - 1. Owns nothing.
struct Batch {
  std::span<const int64_t> bids_micros;  // (N)
  std::span<const double> pctrs;         // (N)
  std::span<const int64_t> offsets;      // (A + 1): from 0, never falling, to N

  size_t auctions() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

// Slot k (from 0) of auction a is entry a x K + k. Memory is kept from one batch to the next.
struct BatchOutcome {
  std::vector<int32_t> winners;        // (A x K): an index into the auction's candidates, kUnsold where there is none
  std::vector<int64_t> prices_micros;  // (A x K): per click; 0 where unsold

  static constexpr int32_t kUnsold = -1;
};

// The candidates of the longest auction of a valid batch.
size_t LongestOf(const Batch& batch);

// INVALID_ARGUMENT naming the array that is not of the right shape, or the auction, the candidate and the field that is
// out of range, the first one.
absl::Status Validate(const Batch& batch);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_BATCH_H_
