#ifndef VICKREY_BASE_PERMUTATION_H_
#define VICKREY_BASE_PERMUTATION_H_

#include <array>
#include <bit>
#include <cstdint>

#include "vickrey/base/random.h"

namespace vickrey::base {

// An order of 0 .. size-1 that is a pure function of (seed, stream, index), each place of it computed by itself in no
// memory: a Feistel network (Luby and Rackoff, "How to construct pseudorandom permutations from pseudorandom
// functions", 1988) on the least even number of bits that holds `size`, walked along its cycles until it is inside
// (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002), fewer than four steps on average.
//
// Immutable, so thread-safe.
class Permutation {
 public:
  // REQUIRES: size >= 0.
  Permutation(int64_t size, uint64_t seed, uint64_t stream, uint64_t index) : size_(static_cast<uint64_t>(size)) {
    const int bits = size_ > 1 ? std::bit_width(size_ - 1) : 1;
    half_ = (bits + 1) / 2;
    mask_ = (uint64_t{1} << half_) - 1;
    RandomStream random(seed, stream, index);
    for (uint64_t& key : keys_) key = random.Bits();
  }

  // What stands at `place`. REQUIRES: 0 <= place < size.
  int64_t operator()(int64_t place) const {
    auto x = static_cast<uint64_t>(place);
    do {
      uint64_t left = x >> half_, right = x & mask_;
      for (const uint64_t key : keys_) {
        const uint64_t next = left ^ (Mix(right ^ key) & mask_);
        left = right;
        right = next;
      }
      x = left << half_ | right;
    } while (x >= size_);
    return static_cast<int64_t>(x);
  }

 private:
  // The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
  static uint64_t Mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
  }

  const uint64_t size_;
  int half_;
  uint64_t mask_;
  std::array<uint64_t, 8> keys_;
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_PERMUTATION_H_
