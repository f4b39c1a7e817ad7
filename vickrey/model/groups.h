// How the native scorers go through a batch: in groups of whole auctions, whose numbers fit the cache.
#ifndef VICKREY_MODEL_GROUPS_H_
#define VICKREY_MODEL_GROUPS_H_

#include <algorithm>
#include <cstdint>

#include "vickrey/model/batch.h"

namespace vickrey::model {

// The most candidates that are evaluated at a time.
inline constexpr int64_t kMostRows = 256;

// Auctions [begin, end): as many as have kMostRows candidates together, or a single one of any number.
struct Group {
  int64_t begin, end;
};

// Calls f(group) for each.
template <typename F>
void ForEachGroup(const Batch& batch, F f) {
  for (int64_t begin = 0; begin < batch.auctions();) {
    int64_t end = begin + 1;
    while (end < batch.auctions() && end - begin < kMostRows &&
           batch.offsets[end + 1] - batch.offsets[begin] <= kMostRows) {
      ++end;
    }
    f(Group{begin, end});
    begin = end;
  }
}

// Calls f(begin, end) for each part of a group's candidates, at most kMostRows each, about equally many.
template <typename F>
void ForEachPart(const Batch& batch, const Group& group, F f) {
  const int64_t begin = batch.offsets[group.begin], rows = batch.offsets[group.end] - begin;
  const int64_t parts = (rows + kMostRows - 1) / kMostRows;
  for (int64_t p = 0; p < parts; ++p) f(begin + rows * p / parts, begin + rows * (p + 1) / parts);
}

// Memory of the calling thread for numbers in between: as many floats, aligned to a cache line, whatever they held.
// They are the caller's until it returns. It grows with the largest network and is kept until the thread ends, so that
// a scorer allocates nothing after its first batch of a size.
float* ThreadScratch(int64_t floats);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_GROUPS_H_
