#include "vickrey/series/price_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "vickrey/base/status.h"
#include "vickrey/series/time.h"

namespace vickrey::series {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<PriceSeries> Read(const std::string& text,
                                 const PriceColumns& columns = {.price = "Close", .date = ""}) {
  std::istringstream in(text);
  return ReadPriceSeries(&in, columns);
}

TEST(PriceSeriesTest, ReadsAColumnByName) {
  const auto series = Read(
      "\xef\xbb\xbf"
      "Date,Open,Close,\"A, note\"\r\n"
      "1/4/1999,1,10,\"x, \"\"y\"\"\"\r\n"
      "1/5/1999,2, 12.5 ,\"two\nlines\"\r\n"
      "\r\n"
      "1999-01-06,3,1e1,z\r\n");
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_THAT(series->prices, ElementsAre(10, 12.5, 10));
  EXPECT_EQ(FormatTime(series->times[2]), "1999-01-06");
  EXPECT_EQ(series->missing, 0);
  const Returns returns = ReturnsOf(*series);
  EXPECT_THAT(returns.values, ElementsAre(DoubleEq(.25), DoubleEq(-.2)));
  EXPECT_THAT(returns.times, ElementsAre(series->times[1], series->times[2]));
}

TEST(PriceSeriesTest, TheDateCanBeAnyColumn) {
  const auto series = Read("Close,When\n1,2001-01-31T16:00:00Z\n2,2001-01-31T17:00:00Z\n", {"Close", "When"});
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_EQ(FormatTime(series->times[0]), "2001-01-31T16:00:00Z");
}

TEST(PriceSeriesTest, AMissingPriceIsSkippedAndItsPeriodJoinedToTheNext) {
  const auto series = Read("d,Close\n1/1/2001,1\n1/2/2001,\n1/3/2001,.\n1/4/2001, \n1/5/2001,4\n");
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_THAT(series->prices, ElementsAre(1, 4));
  EXPECT_EQ(series->missing, 3);
  EXPECT_THAT(ReturnsOf(*series).values, ElementsAre(3));
}

TEST(PriceSeriesTest, ReturnsOfTheGreatestAndLeastPricesAreFinite) {
  const auto series = Read("d,Close\n2001-01-01,1e-100\n2001-01-02,1e100\n2001-01-03,1e-100\n");
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_THAT(ReturnsOf(*series).values, ElementsAre(DoubleEq(1e200), -1));
}

TEST(PriceSeriesTest, RefusesNamingLineAndColumn) {
  struct Case {
    std::string row, field, says;
  };
  for (const Case& c : {Case{"1/3/2001,0", "Close", "0 is not greater than 0, and a return"},
                        {"1/3/2001,-37.63", "Close", "-37.63 is not greater than 0, and a return"},
                        {"1/3/2001,-0", "Close", "greater than 0"},
                        {"1/3/2001,nan", "Close", "'nan' is not finite"},
                        {"1/3/2001,inf", "Close", "'inf' is not finite"},
                        {"1/3/2001,1e400", "Close", "'1e400' is not finite"},
                        {"1/3/2001,1e101", "Close", "is not between"},
                        {"1/3/2001,1e-101", "Close", "is not between"},
                        {"1/3/2001,\"1,234\"", "Close", "'1,234' is not a number; a missing price is left empty"},
                        {"1/3/2001,12x", "Close", "'12x' is not a number"},
                        {"1/3/2001,0x10", "Close", "'0x10' is not a number"},
                        {"1/2/2001,3", "Day", "'1/2/2001' comes twice"},
                        {"1/2/2001,", "Day", "'1/2/2001' comes twice"},
                        {"2001-01-02T00:00:00Z,3", "Day", "comes twice"},
                        {"1/1/2001,3", "Day", "'1/1/2001' is earlier than the row before; rows are in rising time"},
                        {"3.1.2001,3", "Day", "'3.1.2001' is not a time"},
                        {"\xff,3", "Day", "is not a time"},
                        {",3", "Day", "'' is not a time"},
                        {"1/3/2001", "", "has 1 columns; the header has 2"},
                        {"1/3/2001,3,4", "", "has 3 columns; the header has 2"},
                        {"1/3/2001,\"3\"4", "", "not CSV"}}) {
    const auto series = Read("Day,Close\n1/1/2001,1\n1/2/2001,2\n" + c.row + "\n1/4/2001,5\n");
    ASSERT_FALSE(series.ok()) << c.row;
    EXPECT_EQ(series.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(series.status().message()), HasSubstr(c.says));
    EXPECT_EQ(base::FieldOf(series.status()).value_or(""), c.field) << series.status();
    EXPECT_EQ(base::LineOf(series.status()), 4) << c.row;
  }
}

TEST(PriceSeriesTest, RefusesWhatIsNoSeries) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "the file is empty"},
      {"Date,Price\n", "there is no such column; there are: Date, Price"},
      {"Date,Close,Close\n", "there are two such columns"},
      {"Close,Date\n1,2\n", "is the column of the dates"},
      {"Date,Close\n", "has 0 prices and 0 missing; a return needs two prices"},
      {"Date,Close\n1/1/2001,1\n1/2/2001,\n", "has 1 prices and 1 missing; a return needs two prices"},
      {"Date,Close\n1/1/2001,\"1", "not CSV"}};
  for (const auto& [text, says] : cases) {
    const auto series = Read(text);
    ASSERT_FALSE(series.ok()) << text;
    EXPECT_THAT(std::string(series.status().message()), HasSubstr(says));
  }
  EXPECT_EQ(base::FieldOf(Read("Date,Close\n", {"Close", "When"}).status()), "When");
}

TEST(PriceSeriesTest, AFileIsNamedInItsErrors) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "prices.csv";
  std::ofstream(file) << "Date,Close\n1/1/2001,1\n1/2/2001,0\n";
  const auto series = ReadPriceSeries(file, {.price = "Close", .date = ""});
  EXPECT_THAT(std::string(series.status().message()), HasSubstr("prices.csv"));
  EXPECT_EQ(base::LineOf(series.status()), 3);
  std::ofstream(file) << "Date,Close\n1/1/2001,1\n1/2/2001,2\n";
  EXPECT_THAT(ReadPriceSeries(file, {.price = "Close", .date = ""})->prices, ElementsAre(1, 2));
  EXPECT_THAT(std::string(ReadPriceSeries(file.string() + ".none", {.price = "Close", .date = ""}).status().message()),
              HasSubstr("prices.csv.none"));
}

// Real prices, where they are at hand. Returns compound to the last price over the first.
TEST(PriceSeriesTest, RealSeries) {
  struct Case {
    std::string file, column;
    size_t rows;
    std::string first, last;
  };
  for (const Case& c : {Case{"wti_daily.csv", "DCOILWTICO", 8611, "1986-01-02", "2019"},
                        {"sp500_daily.csv", "Adj Close", 5031, "1999-01-04", "2018"}}) {
    const std::filesystem::path file = std::filesystem::path("../shared/data/price_series") / c.file;
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "sample not present";
    const auto series = ReadPriceSeries(file, {.price = c.column, .date = ""});
    ASSERT_TRUE(series.ok()) << series.status();
    EXPECT_EQ(series->prices.size() + static_cast<size_t>(series->missing), c.rows);
    EXPECT_EQ(FormatTime(series->times.front()), c.first);
    EXPECT_THAT(FormatTime(series->times.back()), testing::StartsWith(c.last));
    double equity = 1;
    for (const double r : ReturnsOf(*series).values) equity *= 1 + r;
    EXPECT_NEAR(equity, series->prices.back() / series->prices.front(), 1e-9);
  }
}

}  // namespace
}  // namespace vickrey::series
