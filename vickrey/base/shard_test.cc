#include "vickrey/base/shard.h"

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

TEST(Shard, Parses) {
  EXPECT_EQ(ParseShard("3/8")->index, 3);
  EXPECT_EQ(ParseShard("3/8")->count, 8);
  for (const char* text : {"", "3", "8/8", "-1/8", "a/b", "0/0", "1/2/3", "0/1000001", "0/ "}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseShard(text).status())) << text;
  }
}

TEST(Shard, RangesAreWholeBlocksAndTogetherTheWhole) {
  for (const int64_t total : {0, 1, 4096, 4097, 20'000, 1'000'000}) {
    for (const int64_t count : {1, 2, 3, 7, 300}) {
      int64_t at = 0;
      for (int64_t i = 0; i < count; ++i) {
        const IndexRange range = RangeOf({i, count}, total, 4096);
        EXPECT_EQ(range.begin, at);
        EXPECT_LE(range.begin, range.end);
        EXPECT_TRUE(range.begin % 4096 == 0 || range.begin == total);
        at = range.end;
      }
      EXPECT_EQ(at, total);
    }
  }
}

}  // namespace
}  // namespace vickrey::base
