// Random numbers that are a pure function of (seed, stream, index): the same for any number of threads and shards, and
// reachable in any order.
#ifndef VICKREY_BASE_RANDOM_H_
#define VICKREY_BASE_RANDOM_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace vickrey::base {

// The number of a named stream: what a random number is for ("market.bids"). FNV-1a, so that it is known at compile
// time; a test of each module that uses streams may compare names, never numbers.
constexpr uint64_t StreamId(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// One Philox4x64-10 stream (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123).
// The key is (seed, stream), the counter (block, index, 0, 0). Cheap to make: one for each auction.
//
// Not thread-safe; make one for each use. Copying copies the position.
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t stream, uint64_t index) : key_{seed, stream}, index_(index) {}

  // 64 uniform bits.
  uint64_t Bits();
  // Uniform in the open interval (0, 1): the middle of one of 2^52 equal parts of it.
  double Uniform();
  // Normal with mean 0 and variance 1 (Box-Muller; the pair's second half is kept for the next call).
  double Normal();
  // exp(mu + sigma * Normal()).
  double LogNormal(double mu, double sigma);
  // True with probability p; never for p <= 0, always for p >= 1.
  bool Bernoulli(double p);
  // Uniform in 0 .. n-1, without bias. REQUIRES: n > 0.
  uint64_t Below(uint64_t n);

 private:
  std::array<uint64_t, 2> key_;
  uint64_t index_;
  uint64_t block_ = 0;                   // the next block to make
  std::array<uint64_t, 4> buffer_ = {};  // the last block
  int left_ = 0;                         // how many of buffer_ are unused
  bool has_normal_ = false;
  double normal_ = 0;
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_RANDOM_H_
