#include "vickrey/base/quoted.h"

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

TEST(Quoted, IsShortAndCanBePrinted) {
  EXPECT_EQ(Quoted("a b"), "'a b'");
  EXPECT_EQ(Quoted("a\n\x01'"), "'a\\n\\x01\\''");
  EXPECT_EQ(Quoted(std::string(1000, 'x')), "'" + std::string(60, 'x') + "'");
}

}  // namespace
}  // namespace vickrey::base
