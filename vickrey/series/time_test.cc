#include "vickrey/series/time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vickrey::series {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000, kDay = 86'400 * kSecond;

TEST(TimeTest, ReadsDatesOfEitherOrder) {
  // 2001-01-31 is day 11353 of 1970: 31 years of 365 days, 8 leap days (1972..2000), 30 days.
  constexpr int64_t kLastOfJanuary = (31 * 365 + 8 + 30) * kDay;
  for (const char* text : {"1/31/2001", "01/31/2001", "2001-01-31", "2001-01-31T00:00:00Z", "2001-01-31T00:00:00",
                           "2001-01-31 00:00", "2001-01-31T01:00:00+01:00"}) {
    EXPECT_EQ(ParseTime(text).value_or(-1), kLastOfJanuary) << text;
  }
  EXPECT_EQ(*ParseTime("2001-01-31 16:00:00.5"), kLastOfJanuary + 16 * 3600 * kSecond + kSecond / 2);
  EXPECT_EQ(*ParseTime("12/31/1969"), -kDay);
  EXPECT_EQ(*ParseTime("2/29/2000"), (30 * 365 + 7 + 59) * kDay);
}

TEST(TimeTest, RefusesWhatIsNoDay) {
  for (const char* text : {"", "x", "31/1/2001", "13/1/2001", "2/29/2001", "2/30/2000", "2001-13-01", "2001-02-29",
                           "2001", "20010131", "1/31", "2001-01-31T25:00:00Z", "2001-01-31x", "infinite-future"}) {
    const auto time = ParseTime(text);
    EXPECT_FALSE(time.ok()) << text;
  }
  EXPECT_THAT(std::string(ParseTime("31/1/2001").status().message()),
              HasSubstr("'31/1/2001' is not a time: give month/day/year"));
  EXPECT_THAT(std::string(ParseTime("1/31/01").status().message()), HasSubstr("a year is given by its four digits"));
}

TEST(TimeTest, WritesWhatItReads) {
  for (const char* text :
       {"2001-01-31", "1950-01-03", "1000-01-01", "9999-12-31", "2001-01-31T16:00:00Z", "1969-12-31T23:59:59.5Z"}) {
    EXPECT_EQ(FormatTime(ParseTime(text).value_or(0)), text);
  }
}

}  // namespace
}  // namespace vickrey::series
