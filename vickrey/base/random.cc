#include "vickrey/base/random.h"

#include <Random123/philox.h>
#include <Random123/u01fixedpt.h>
#include <Random123/boxmuller.hpp>

#include <cmath>

namespace vickrey::base {

uint64_t RandomStream::Bits() {
  if (left_ == 0) {
    const r123::Philox4x64::key_type key = {{key_[0], key_[1]}};
    const r123::Philox4x64::ctr_type counter = {{block_++, index_, 0, 0}};
    const r123::Philox4x64::ctr_type block = r123::Philox4x64()(counter, key);
    for (int i = 0; i < 4; ++i) buffer_[i] = block.v[i];
    left_ = 4;
  }
  return buffer_[4 - left_--];
}

double RandomStream::Uniform() { return u01fixedpt_open_open_64_double(Bits()); }

double RandomStream::Normal() {
  if (has_normal_) {
    has_normal_ = false;
    return normal_;
  }
  const uint64_t first = Bits();
  const uint64_t second = Bits();
  const r123::double2 pair = r123::boxmuller(first, second);
  normal_ = pair.y;
  has_normal_ = true;
  return pair.x;
}

double RandomStream::LogNormal(double mu, double sigma) { return std::exp(mu + sigma * Normal()); }

bool RandomStream::Bernoulli(double p) { return Uniform() < p; }

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
