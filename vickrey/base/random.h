// Random numbers that are a pure function of (seed, stream, index): the same for any number of threads and shards, and
// reachable in any order.
#ifndef VICKREY_BASE_RANDOM_H_
#define VICKREY_BASE_RANDOM_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace vickrey::base {

// The number of a named stream: what a random number is for ("market.bids"). FNV-1a, so that it is known at compile
// time; a test of each module that uses streams may compare names, never numbers.
constexpr uint64_t StreamId(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

namespace internal {

// Layers of equal area below exp(-x^2 / 2), from the base with the tail (0) to the top: a place j of 2^54 is x = j
// width.
struct Ziggurat {
  std::array<double, 256> width;
  std::array<int64_t, 256> inside;  // places below this are under the curve
  std::array<double, 256> height;   // of the curve at the layer's edge
};
extern const Ziggurat kZiggurat;

}  // namespace internal

// One Philox4x64-10 stream (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123).
// The key is (seed, stream), the counter (block, index, 0, 0). Cheap to make: one for each auction.
//
// Not thread-safe; make one for each use. Copying copies the position.
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t stream, uint64_t index) : key_{seed, stream}, index_(index) {}

  // 64 uniform bits.
  uint64_t Bits() {
    if (left_ == 0) Refill();
    return buffer_[4 - left_--];
  }
  // Uniform in the open interval (0, 1): the middle of one of 2^52 equal parts of it.
  double Uniform() { return (static_cast<double>(Bits() >> 12) + 0.5) * 0x1p-52; }
  // Normal with mean 0 and variance 1, by the ziggurat of Marsaglia and Tsang ("The ziggurat method for generating
  // random variables", 2000): 256 layers, the layer and the place in it from bits of their own (Doornik 2005).
  double Normal() {
    const uint64_t bits = Bits();
    const auto layer = bits & 0xff;
    const int64_t place = static_cast<int64_t>(bits) >> 9;  // uniform in -2^54 .. 2^54 - 1
    const double x = static_cast<double>(place) * internal::kZiggurat.width[layer];
    if (std::abs(place) < internal::kZiggurat.inside[layer]) return x;  // 99 of 100
    return NormalOutside(layer, x);
  }
  // exp(mu + sigma * Normal()).
  double LogNormal(double mu, double sigma) { return std::exp(mu + sigma * Normal()); }
  // True with probability p; never for p <= 0, always for p >= 1.
  bool Bernoulli(double p) { return Uniform() < p; }
  // Uniform in 0 .. n-1, without bias. REQUIRES: n > 0.
  uint64_t Below(uint64_t n);

 private:
  void Refill();
  double NormalOutside(uint64_t layer, double x);

  std::array<uint64_t, 2> key_;
  uint64_t index_;
  uint64_t block_ = 0;                // the next block to make
  std::array<uint64_t, 4> buffer_{};  // the last block
  int left_ = 0;                      // how many of buffer_ are unused
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_RANDOM_H_
