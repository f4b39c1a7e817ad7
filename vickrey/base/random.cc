#include "vickrey/base/random.h"

#include <Random123/philox.h>

namespace vickrey::base {
namespace {

constexpr double kTail = 3.6541528853610088;   // where the base's tail begins, for 256 layers
constexpr double kArea = 0.00492867323399;     // of each layer
constexpr double kPlaces = 18014398509481984;  // 2^54

double Curve(double x) { return std::exp(-0.5 * x * x); }

internal::Ziggurat MakeZiggurat() {
  internal::Ziggurat z;
  const double base = kArea / Curve(kTail);  // the width of a rectangle of the base's area
  z.inside[0] = static_cast<int64_t>(kTail / base * kPlaces);
  z.width[0] = base / kPlaces;
  z.height[0] = 1;
  double edge = kTail;
  z.width[255] = edge / kPlaces;
  z.height[255] = Curve(edge);
  for (int i = 254; i >= 1; --i) {
    const double next = std::sqrt(-2 * std::log(kArea / edge + Curve(edge)));
    z.inside[i + 1] = static_cast<int64_t>(next / edge * kPlaces);
    z.width[i] = next / kPlaces;
    z.height[i] = Curve(next);
    edge = next;
  }
  z.inside[1] = 0;  // the top layer is never wholly under the curve
  return z;
}

}  // namespace

const internal::Ziggurat internal::kZiggurat = MakeZiggurat();

void RandomStream::Refill() {
  const r123::Philox4x64::key_type key = {{key_[0], key_[1]}};
  const r123::Philox4x64::ctr_type counter = {{block_++, index_, 0, 0}};
  const r123::Philox4x64::ctr_type block = r123::Philox4x64()(counter, key);
  for (int i = 0; i < 4; ++i) buffer_[i] = block.v[i];
  left_ = 4;
}

double RandomStream::NormalOutside(uint64_t layer, double x) {
  const internal::Ziggurat& z = internal::kZiggurat;
  while (true) {
    if (layer == 0) {  // the tail, by Marsaglia's method of 1964
      double beyond, y;
      do {
        beyond = -std::log(Uniform()) / kTail;
        y = -std::log(Uniform());
      } while (y + y < beyond * beyond);
      return x > 0 ? kTail + beyond : -kTail - beyond;
    }
    if (z.height[layer] + Uniform() * (z.height[layer - 1] - z.height[layer]) < Curve(x)) return x;
    const uint64_t bits = Bits();
    layer = bits & 0xff;
    const int64_t place = static_cast<int64_t>(bits) >> 9;
    x = static_cast<double>(place) * z.width[layer];
    if (std::abs(place) < z.inside[layer]) return x;
  }
}

uint64_t RandomStream::Below(uint64_t n) {
  // Lemire, "Fast random integer generation in an interval", 2019: the high half of a 128-bit product, with the few
  // low halves that would favour some numbers thrown away.
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(Bits()) * n;
  if (static_cast<uint64_t>(product) < n) {
    const uint64_t unfair = -n % n;
    while (static_cast<uint64_t>(product) < unfair) product = static_cast<Wide>(Bits()) * n;
  }
  return static_cast<uint64_t>(product >> 64);
}

}  // namespace vickrey::base
