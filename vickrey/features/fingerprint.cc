#include "vickrey/features/fingerprint.h"

#include <xxhash.h>

#include <cmath>
#include <string>

namespace vickrey::features {

uint64_t Fingerprint(std::string_view field, std::string_view value) {
  std::string bytes;
  bytes.reserve(field.size() + 1 + value.size());
  bytes.append(field).push_back('\x1f');
  bytes.append(value);
  const uint64_t hash = XXH64(bytes.data(), bytes.size(), /*seed=*/0);
  return hash == kMissing ? 1 : hash;
}

float SignedLog1p(float x) { return std::copysign(std::log1p(std::fabs(x)), x); }

}  // namespace vickrey::features
