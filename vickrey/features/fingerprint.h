// The number that stands for a categorical value, in every language: xxHash64 with seed 0 of the field's name, the byte
// 0x1f and the value's bytes. docs/formats.md has test vectors.
#ifndef VICKREY_FEATURES_FINGERPRINT_H_
#define VICKREY_FEATURES_FINGERPRINT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace vickrey::features {

// What stands for a missing value; no value has this fingerprint.
inline constexpr uint64_t kMissing = 0;

// Never kMissing: a hash of 0 becomes 1.
uint64_t Fingerprint(std::string_view field, std::string_view value);

// The same for many values of one field. Not thread-safe.
class Fingerprinter {
 public:
  explicit Fingerprinter(std::string_view field);
  uint64_t operator()(std::string_view value);

 private:
  std::string bytes_;  // of the field, the byte 0x1f, and room for a value
  size_t salt_;        // of the first two
};

// The row of a table of `buckets` rows: 0 for kMissing, else 1 + fingerprint mod (buckets - 1).
class Bucketing {
 public:
  // REQUIRES: buckets >= 2.
  explicit Bucketing(int64_t buckets)
      : divisor_(static_cast<uint64_t>(buckets - 1)), reciprocal_(~uint64_t{0} / divisor_) {}

  int64_t operator()(uint64_t fingerprint) const {
    if (fingerprint == kMissing) return 0;
    // Without a division, which takes as long as the rest of a look-up: reciprocal = 2^64 / divisor less at most one
    // part in itself, so that the quotient is at most 1 too small.
    const auto quotient = static_cast<uint64_t>((static_cast<unsigned __int128>(fingerprint) * reciprocal_) >> 64);
    const uint64_t rest = fingerprint - quotient * divisor_;
    return static_cast<int64_t>(1 + (rest >= divisor_ ? rest - divisor_ : rest));
  }

 private:
  uint64_t divisor_, reciprocal_;
};

inline int64_t Bucket(uint64_t fingerprint, int64_t buckets) { return Bucketing(buckets)(fingerprint); }

}  // namespace vickrey::features

#endif  // VICKREY_FEATURES_FINGERPRINT_H_
