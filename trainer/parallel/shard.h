#ifndef TRAINER_PARALLEL_SHARD_H_
#define TRAINER_PARALLEL_SHARD_H_

#include <cstdint>

namespace vickrey::trainer {

// The part of a row of elements that is one rank's, where each rank has about as many: of n elements rank r of R has
// those from floor(n r / R) on, up to floor(n (r + 1) / R). In the order of the ranks shards make the whole; they
// differ by an element at most, and one is empty only where there are more ranks than elements. None is filled up: what
// carries them (links.h) takes any length.
struct Shard {
  int64_t begin = 0, end = 0;

  static constexpr Shard Of(int64_t n, int rank, int ranks) {
    return {.begin = n * rank / ranks, .end = n * (rank + 1) / ranks};
  }
  constexpr int64_t size() const { return end - begin; }
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PARALLEL_SHARD_H_
