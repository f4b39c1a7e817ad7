#include "vickrey/features/fingerprint.h"

#define XXH_INLINE_ALL  // most texts are short: a call costs as much as the hash
#include <xxhash.h>

#include <cmath>
#include <cstring>

namespace vickrey::features {

Fingerprinter::Fingerprinter(std::string_view field) : bytes_(field), salt_(field.size() + 1) {
  bytes_.push_back('\x1f');
}

uint64_t Fingerprinter::operator()(std::string_view value) {
  const size_t size = salt_ + value.size();
  if (bytes_.size() < size) bytes_.resize(2 * size);
  if (!value.empty()) std::memcpy(bytes_.data() + salt_, value.data(), value.size());
  const uint64_t hash = XXH64(bytes_.data(), size, /*seed=*/0);
  return hash == kMissing ? 1 : hash;
}

uint64_t Fingerprint(std::string_view field, std::string_view value) { return Fingerprinter(field)(value); }

float SignedLog1p(float x) { return std::copysign(std::log1p(std::fabs(x)), x); }

}  // namespace vickrey::features
