#ifndef VICKREY_METRIC_BLOCKS_H_
#define VICKREY_METRIC_BLOCKS_H_

#include <cstdint>
#include <utility>

namespace vickrey::metric {

// Statistics are accumulated in blocks of so many auctions, and blocks are merged in order: sums of doubles then come
// out the same, to the bit, for any number of threads, and for shards that are split on blocks.
inline constexpr int64_t kBlockAuctions = 4096;

// Accumulates into a fresh T for each block, merging whole blocks into the total. T has a default or copyable empty
// state and Merge(const T&). Not thread-safe.
template <typename T>
class Blocks {
 public:
  // `empty` is what a block starts from.
  explicit Blocks(T empty = T()) : empty_(std::move(empty)), block_(empty_), total_(empty_) {}

  // The accumulator for the next auction: call once for each.
  T& ForNextAuction() {
    if (in_block_ == kBlockAuctions) Flush();
    ++in_block_;
    return block_;
  }

  // A whole block that was accumulated elsewhere. REQUIRES: none is under way here.
  void AddBlock(const T& block) { total_.Merge(block); }

  // Everything so far.
  const T& Total() {
    Flush();
    return total_;
  }

 private:
  void Flush() {
    if (in_block_ == 0) return;
    total_.Merge(block_);
    block_ = empty_;
    in_block_ = 0;
  }

  const T empty_;
  T block_;
  T total_;
  int64_t in_block_ = 0;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_BLOCKS_H_
