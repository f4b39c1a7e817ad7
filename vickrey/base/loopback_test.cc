#include "vickrey/base/loopback.h"

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

TEST(IsLoopback, OnlyOfThisMachine) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "[::1]"}) EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host : {"", "0.0.0.0", "10.0.0.1", "127.evil.example", "127.0.0.1.example", "[::]",
                           "localhost.example", "dns:///localhost"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

}  // namespace
}  // namespace vickrey::base
