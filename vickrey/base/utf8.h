#ifndef VICKREY_BASE_UTF8_H_
#define VICKREY_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vickrey::base {

// Whether the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF. Protobuf refuses to
// parse a text that is not.
inline bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    uint64_t eight = 0;  // bytes, most often of ASCII
    if (text.size() - i >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + i, sizeof(eight));
      if ((eight & 0x8080808080808080) == 0) {
        i += sizeof(eight);
        continue;
      }
    }
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[i + k]); };
    const unsigned char first = byte(0);
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0 || text.size() - i < length) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(k) & 0xc0) != 0x80) return false;
    }
    if (first == 0xe0 && byte(1) < 0xa0) return false;   // overlong
    if (first == 0xed && byte(1) >= 0xa0) return false;  // surrogate
    if (first == 0xf0 && byte(1) < 0x90) return false;   // overlong
    if (first == 0xf4 && byte(1) >= 0x90) return false;  // past U+10FFFF
    i += length;
  }
  return true;
}

}  // namespace vickrey::base

#endif  // VICKREY_BASE_UTF8_H_
