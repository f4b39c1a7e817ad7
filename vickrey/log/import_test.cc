#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"
#include "vickrey/log/csv_reader.h"
#include "vickrey/log/importer.h"
#include "vickrey/log/record.h"

namespace vickrey::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::v1::LoggedAuction;

struct Imported {
  std::vector<LoggedAuction> auctions;
  std::vector<std::pair<int64_t, std::string>> rejects;  // line, reason
};

Imported Import(const std::string& format, const std::string& text, ImportOptions options = {}) {
  if (options.file_digest.empty()) options.file_digest = "0123456789abcdef";
  std::istringstream in(text);
  auto importer = MakeImporter(format, options, &in).value();
  Imported result;
  LoggedAuction record;
  while (importer
             ->Next([&](int64_t line, const absl::Status& why) { result.rejects.emplace_back(line, why.message()); },
                    &record)
             .value()) {
    EXPECT_TRUE(Validate(record).ok()) << Validate(record);
    result.auctions.push_back(record);
  }
  return result;
}

std::string CriteoRow(const std::string& label, const std::string& i1 = "1", int categories = 26) {
  std::string row = label + "\t" + i1;
  for (int i = 2; i <= 13; ++i) row += i == 3 ? "\t" : "\t-2";
  for (int i = 1; i <= categories; ++i) row += i == 2 ? "\t" : "\tc" + std::to_string(i);
  return row + "\n";
}

TEST(Criteo, GroupsRowsIntoAuctions) {
  const Imported all = Import("criteo", CriteoRow("1") + CriteoRow("0") + CriteoRow("0"), {.group_size = 2});
  ASSERT_EQ(all.auctions.size(), 2u);
  const auto& first = all.auctions[0];
  EXPECT_EQ(first.auction().auction_id(), "0123456789ab-1");
  EXPECT_EQ(all.auctions[1].auction().auction_id(), "0123456789ab-3");
  EXPECT_GT(all.auctions[1].auction().event_time(), first.auction().event_time());
  ASSERT_EQ(first.auction().candidates_size(), 2);
  EXPECT_TRUE(first.candidates(0).click());
  EXPECT_FALSE(first.candidates(1).click());
  const auto& fields = first.auction().candidates(0).features().named().fields();
  EXPECT_EQ(fields.at("I2").number_value(), -2);
  EXPECT_EQ(fields.count("I3"), 0u);  // empty is missing
  EXPECT_EQ(fields.at("C26").string_value(), "c26");
  EXPECT_EQ(fields.count("C2"), 0u);
  EXPECT_EQ(first.auction().candidates(0).bid().micros(), 1'000'000);
}

TEST(Criteo, RejectsRowsByLine) {
  const Imported all = Import("criteo", CriteoRow("0") + CriteoRow("2") + "junk\n" + CriteoRow("0", "x") +
                                            CriteoRow("1", "1", 25) + "\n" + CriteoRow("1"));
  EXPECT_EQ(all.auctions.size(), 2u);
  ASSERT_EQ(all.rejects.size(), 5u);
  EXPECT_EQ(all.rejects[0].first, 2);
  EXPECT_THAT(all.rejects[0].second, HasSubstr("label: '2' is not 0 or 1"));
  EXPECT_THAT(all.rejects[1].second, HasSubstr("has 1 columns"));
  EXPECT_THAT(all.rejects[2].second, HasSubstr("I1: 'x' is not a whole number"));
  EXPECT_EQ(all.rejects[4].first, 6);
}

constexpr char kHeader[] = "uuid,display_id,ad_id,document_id,timestamp_view,platform,geo_location,clicked,day\n";

TEST(Outbrain, ADisplayIsAnAuction) {
  const Imported all = Import("outbrain", std::string(kHeader) +
                                              "u1,1,42,d1,2016-06-14 04:06:19.061,3.0,US>SC,0,14\n"
                                              "u1,1,43,d1,2016-06-14 04:06:19.061,3.0,US>SC,1,14\n"
                                              "u2,2,42,d1,2016-06-14 04:06:20,3.0,\"US,x\",1,14\n");
  ASSERT_EQ(all.auctions.size(), 2u);
  const auto& first = all.auctions[0];
  EXPECT_EQ(first.auction().auction_id(), "0123456789ab-1");
  EXPECT_EQ(first.auction().cluster_key(), "u1");
  EXPECT_EQ(first.auction().event_time(), 1465877179061000);  // date -u -d '2016-06-14 04:06:19' +%s
  EXPECT_EQ(first.auction().candidates_size(), 2);
  EXPECT_TRUE(first.candidates(1).click());
  EXPECT_EQ(all.auctions[1].auction().context().named().fields().at("geo_location").string_value(), "US,x");
}

TEST(Outbrain, RejectsRowsByLineAndFilesByColumn) {
  const Imported all = Import("outbrain", std::string(kHeader) + "u1,1,42,d1,yesterday,3.0,US,0,14\n" + "u1,1,42\n" +
                                              "u1,1,4 2,d1,2016-06-14 04:06:19,3.0,US,0,14\n" +
                                              "u1,1,42,d1,2016-06-14 04:06:19,3.0,US,maybe,14\n");
  EXPECT_TRUE(all.auctions.empty());
  ASSERT_EQ(all.rejects.size(), 4u);
  EXPECT_EQ(all.rejects[0].first, 2);
  EXPECT_THAT(all.rejects[0].second, HasSubstr("timestamp_view: 'yesterday'"));
  EXPECT_THAT(all.rejects[2].second, HasSubstr("ad_id: '4 2'"));
  EXPECT_THAT(all.rejects[3].second, HasSubstr("clicked: 'maybe'"));
  std::istringstream wrong("a,b\n1,2\n");
  EXPECT_EQ(base::FieldOf(MakeImporter("outbrain", {}, &wrong).status()), "display_id");
}

TEST(Bids, AreAFunctionOfSeedAndRow) {
  const BidSource bids = BidSource::Parse("lognormal:0,1", 7).value();
  EXPECT_EQ(bids.BidMicros(3), BidSource::Parse("lognormal:0,1", 7).value().BidMicros(3));
  EXPECT_NE(bids.BidMicros(3), bids.BidMicros(4));
  EXPECT_NE(bids.BidMicros(3), BidSource::Parse("lognormal:0,1", 8).value().BidMicros(3));
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) sum += std::log(static_cast<double>(bids.BidMicros(i)) / 1e6);
  EXPECT_NEAR(sum / 20'000, 0, 0.035);  // five standard errors
  EXPECT_EQ(BidSource::Parse("lognormal:1,0", 7).value().BidMicros(1), std::llround(std::exp(1.0) * 1e6));
  for (const char* bad : {"", "lognormal", "lognormal:1", "lognormal:a,b", "lognormal:0,-1", "normal:0,1",
                          "lognormal:0,1,2", "lognormal:nan,1", "lognormal:0,inf"}) {
    EXPECT_EQ(base::FieldOf(BidSource::Parse(bad, 1).status()), "bids") << bad;
  }
}

TEST(JsonLines, RejectsRowsByLine) {
  const Imported all =
      Import("jsonl", R"({"auction_id":"a","event_time":5,"candidates":[{"ad_id":"x","bid_micros":1}]})"
                      "\n{bad\n"
                      R"({"auction_id":"b","event_time":5,"candidates":[{"ad_id":"x","bid_micros":1,"click":3}]})"
                      "\n");
  EXPECT_EQ(all.auctions.size(), 1u);
  ASSERT_EQ(all.rejects.size(), 2u);
  EXPECT_EQ(all.rejects[0].first, 2);
  EXPECT_THAT(all.rejects[1].second, HasSubstr("candidates[0].click"));
}

TEST(Importers, NamesAndSizesAreChecked) {
  std::istringstream in;
  EXPECT_THAT(std::string(MakeImporter("avazu", {}, &in).status().message()),
              HasSubstr("known: criteo, outbrain, jsonl"));
  EXPECT_EQ(base::FieldOf(MakeImporter("criteo", {.group_size = 0}, &in).status()), "group_size");
}

TEST(CsvReader, QuotesAndLineBreaks) {
  std::istringstream in("a,\"b\nc\",\"d\"\"e\"\r\n\nf\n");
  CsvReader reader(&in);
  std::vector<std::string> row;
  ASSERT_TRUE(reader.Next(&row).value());
  EXPECT_THAT(row, ElementsAre("a", "b\nc", "d\"e"));
  EXPECT_EQ(reader.line(), 2);
  ASSERT_TRUE(reader.Next(&row).value());
  EXPECT_THAT(row, ElementsAre("f"));
  EXPECT_FALSE(reader.Next(&row).value());
  std::istringstream open("a,\"b\n");
  CsvReader unfinished(&open);
  EXPECT_TRUE(absl::IsInvalidArgument(unfinished.Next(&row).status()));
}

}  // namespace
}  // namespace vickrey::log
