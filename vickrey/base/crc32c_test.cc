#include "vickrey/base/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

// RFC 3720, B.4.
TEST(Crc32cTest, OfTheStandard) {
  std::string ascending, descending;
  for (char i = 0; i < 32; ++i) ascending += i;
  descending.assign(ascending.rbegin(), ascending.rend());
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c(descending), 0x113fdb5cu);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32cTest, GoesOn) { EXPECT_EQ(Crc32c("6789", Crc32c("", Crc32c("12345"))), Crc32c("123456789")); }

// 0x12345678 >> 15 is 0x2468, its low 15 bits in front are 0xacf00000; their sum with the constant, by hand.
TEST(Crc32cTest, Masked) { EXPECT_EQ(MaskCrc(0x12345678), 0x4f730f40u); }

}  // namespace
}  // namespace vickrey::base
