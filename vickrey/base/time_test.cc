#include "vickrey/base/time.h"

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

TEST(EventTime, ReadsMicrosecondsAndDates) {
  EXPECT_EQ(ParseEventTime("0").value(), 0);
  EXPECT_EQ(ParseEventTime("1704067200000000").value(), 1704067200000000);  // date -u -d 2024-01-01 +%s
  EXPECT_EQ(ParseEventTime("2024-01-01").value(), 1704067200000000);
  EXPECT_EQ(ParseEventTime("2024-01-01T00:00:00.000001Z").value(), 1704067200000001);
  EXPECT_EQ(ParseEventTime("2024-01-01T01:00:00+01:00").value(), 1704067200000000);
}

TEST(EventTime, RefusesWhatIsNotATime) {
  for (const char* text : {"", "yesterday", "2024-13-01", "1e9", "-1", "1969-12-31", "9223372036854775807",
                           "99999999999999999999", "infinite-future", "2024-01-01T00:00:00Z x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseEventTime(text).status())) << text;
  }
}

TEST(EventTime, WritesWhatItReads) {
  EXPECT_EQ(FormatEventTime(1704067200000000), "2024-01-01T00:00:00Z");
  EXPECT_EQ(FormatEventTime(1704067200250000), "2024-01-01T00:00:00.25Z");
  EXPECT_EQ(ParseEventTime(FormatEventTime(253402300799999999)).value(), 253402300799999999);
}

}  // namespace
}  // namespace vickrey::base
