#include "vickrey/features/fingerprint.h"

#define XXH_INLINE_ALL  // most texts are short: a call costs as much as the hash
#include <xxhash.h>

#include <cstring>

namespace vickrey::features {

namespace {

constexpr char kSeparator = '\x1f';

uint64_t Hash(std::string_view bytes) {
  const uint64_t hash = XXH64(bytes.data(), bytes.size(), /*seed=*/0);
  return hash == kMissing ? 1 : hash;
}

}  // namespace

Fingerprinter::Fingerprinter(std::string_view field) : bytes_(field), salt_(field.size() + 1) {
  bytes_.push_back(kSeparator);
}

uint64_t Fingerprinter::operator()(std::string_view value) {
  const size_t size = salt_ + value.size();
  if (bytes_.size() < size) bytes_.resize(2 * size);
  if (!value.empty()) std::memcpy(bytes_.data() + salt_, value.data(), value.size());
  return Hash({bytes_.data(), size});
}

uint64_t Fingerprint(std::string_view field, std::string_view value) {
  constexpr size_t kShort = 256;
  const size_t size = field.size() + 1 + value.size();
  if (size > kShort) return Fingerprinter(field)(value);
  char bytes[kShort];
  if (!field.empty()) std::memcpy(bytes, field.data(), field.size());
  bytes[field.size()] = kSeparator;
  if (!value.empty()) std::memcpy(bytes + field.size() + 1, value.data(), value.size());
  return Hash({bytes, size});
}

}  // namespace vickrey::features
