// CRC-32C (Castagnoli; RFC 3720), as the record files of RocksDB and TensorFlow hold it.
#ifndef VICKREY_BASE_CRC32C_H_
#define VICKREY_BASE_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace vickrey::base {

// The checksum of `bytes`, or of those that `before` is the checksum of and `bytes` behind them.
// REQUIRES: less than 2 GiB.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// How a checksum is stored beside its bytes: of bytes that hold their own plain checksum a CRC says little.
constexpr uint32_t MaskCrc(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace vickrey::base

#endif  // VICKREY_BASE_CRC32C_H_
