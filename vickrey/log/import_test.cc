#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/csv_reader.h"
#include "vickrey/log/import_formats.h"
#include "vickrey/log/line_reader.h"
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
  while (record.Clear(), importer
                             ->Next(
                                 [&](int64_t line, const absl::Status& why) {
                                   result.rejects.emplace_back(line, why.message());
                                   return absl::OkStatus();
                                 },
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
  EXPECT_EQ(base::FieldOf(MakeImporter("outbrain", {}, &wrong).status()), "document_id");
}

TEST(Outbrain, ABadFirstRowLeavesTheOthersOfItsAuction) {
  const Imported all = Import("outbrain", std::string(kHeader) + "u1,1,42,\xff,2016-06-14 04:06:19,3.0,US,0,14\n" +
                                              "u1,1,43,d1,2016-06-14 04:06:19,3.0,US,1,14\n" +
                                              "u2,2,44,d1,2016-06-14 04:06:19,3.0,US,1,14\n");
  ASSERT_EQ(all.rejects.size(), 1u);
  EXPECT_EQ(all.rejects[0], std::make_pair(int64_t{2}, std::string("document_id: is not UTF-8")));
  ASSERT_EQ(all.auctions.size(), 2u);
  EXPECT_EQ(all.auctions[0].auction().candidates_size(), 1);
  EXPECT_EQ(all.auctions[0].auction().auction_id(), "0123456789ab-2");
}

// A row of 27 columns, or of 29.
std::string IpinyouRow(const std::string& timestamp = "20131022135101295", const std::string& floor = "13",
                       const std::string& more = "") {
  return "1\t2\t13\tbid\t" + timestamp +
         "\t1\tDAILV~z\twindows_chrome\t113.76.1.*\t216\t220\t2\tdomain\turl\tnull\tslot\t200\t250\tFirstView\tNa\t" +
         floor + "\t7319\t277\t205\tnull\t2259\t10063,11423" + more + "\n";
}

TEST(Ipinyou, KeepsFloorBidAndPayingPriceOfImpressions) {
  const Imported all = Import("ipinyou", IpinyouRow() + IpinyouRow("20131022135101295", "0", "\t1\t2"));
  ASSERT_TRUE(all.rejects.empty());
  ASSERT_EQ(all.auctions.size(), 2u);
  const LoggedAuction& first = all.auctions[0];
  EXPECT_EQ(first.auction().event_time(), 1382421061295000);  // date -u -d '2013-10-22 13:51:01 +0800' +%s
  EXPECT_EQ(first.auction().currency_code(), "CNY");
  EXPECT_EQ(first.auction().cluster_key().size(), 16u);  // a fingerprint: the user's id is no id of ours
  EXPECT_EQ(first.auction().cluster_key(), all.auctions[1].auction().cluster_key());
  EXPECT_EQ(first.reserve().mille_micros(), 130'000);  // 13 fen
  ASSERT_EQ(first.auction().candidates_size(), 1);
  EXPECT_EQ(first.auction().candidates(0).ad_id(), "7319");
  EXPECT_EQ(first.auction().candidates(0).advertiser_id(), "2259");
  EXPECT_EQ(first.candidates(0).bid_mille_micros(), 2'770'000);
  EXPECT_EQ(first.candidates(0).price_mille_micros(), 2'050'000);
  EXPECT_TRUE(first.candidates(0).click());
  EXPECT_EQ(first.candidates(0).slot(), 1);
  EXPECT_FALSE(first.candidates(0).has_conversions());
  const auto& context = first.auction().context().named().fields();
  EXPECT_EQ(context.at("slotprice").number_value(), 13);
  EXPECT_EQ(context.at("usertag").list_value().values_size(), 2);
  EXPECT_EQ(context.count("slotformat"), 0u);   // Na
  EXPECT_FALSE(all.auctions[1].has_reserve());  // 0 is none
  EXPECT_EQ(all.auctions[1].candidates(0).conversions(), 2);
}

TEST(Ipinyou, RejectsRowsByLine) {
  const Imported all = Import(
      "ipinyou", IpinyouRow("2013102213510129") + IpinyouRow() + IpinyouRow("20131022135101295", "-1") +
                     IpinyouRow("20131022135101295", "1", "\t1") + IpinyouRow("20131022135101295", "1", "\t1\tx"));
  EXPECT_EQ(all.auctions.size(), 1u);
  ASSERT_EQ(all.rejects.size(), 4u);
  EXPECT_THAT(all.rejects[0].second, HasSubstr("timestamp: column 5: '2013102213510129' is not a time"));
  EXPECT_EQ(all.rejects[1].first, 3);
  EXPECT_THAT(all.rejects[1].second, HasSubstr("slotprice: column 21: '-1' is not a whole number from 0"));
  EXPECT_THAT(all.rejects[2].second, HasSubstr("has 28 columns"));
  EXPECT_THAT(all.rejects[3].second, HasSubstr("nconversation: column 29: 'x'"));
}

constexpr char kBanditHeader[] =
    ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3,"
    "user-item_affinity_0,user-item_affinity_1,user-item_affinity_2\n";

TEST(OpenBandit, EveryItemIsACandidateAndTheShownOneHasItsPropensity) {
  std::istringstream items(
      ",item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3\n0,0,-0.5,a,b,c\n1,1,0.25,d,e,f\n");
  const Imported all = Import(
      "open_bandit", std::string(kBanditHeader) + "0,2019-11-24 00:03:13.442536+00:00,1,3,1,0.25,u,v,w,,0,2.5,0\n",
      {.items = &items});
  ASSERT_TRUE(all.rejects.empty());
  ASSERT_EQ(all.auctions.size(), 1u);
  const LoggedAuction& one = all.auctions[0];
  EXPECT_EQ(one.auction().event_time(), 1574553793442536);  // date -u -d '2019-11-24 00:03:13' +%s
  ASSERT_EQ(one.auction().candidates_size(), 3);
  EXPECT_EQ(one.candidates(1).slot(), 3);
  EXPECT_EQ(one.candidates(1).propensity(), 0.25);
  EXPECT_TRUE(one.candidates(1).click());
  EXPECT_EQ(one.candidates(0).slot(), 0);
  EXPECT_FALSE(one.candidates(0).has_click());
  EXPECT_FALSE(one.candidates(0).has_propensity());
  const auto& fields = one.auction().candidates(1).features().named().fields();
  EXPECT_EQ(fields.at("affinity").number_value(), 2.5);
  EXPECT_EQ(fields.at("item_feature_0").number_value(), 0.25);
  EXPECT_EQ(fields.at("item_feature_3").string_value(), "f");
  EXPECT_EQ(one.auction().candidates(2).features().named().fields().size(), 2u);  // not in the table of items
  EXPECT_EQ(one.auction().context().named().fields().count("user_feature_3"), 0u);
}

TEST(OpenBandit, RejectsRowsByLineAndTablesByColumn) {
  const std::string good = "0,2019-11-24 00:03:13+00:00,1,3,1,0.25,u,v,w,x,0,2.5,0\n";
  const Imported all = Import("open_bandit", std::string(kBanditHeader) + "0,2019-11-24,1,3,1,0.25,u,v,w,x,0,2.5,0\n" +
                                                 "0,2019-11-24 00:03:13+00:00,3,3,1,0.25,u,v,w,x,0,2.5,0\n" + good +
                                                 "0,2019-11-24 00:03:13+00:00,1,3,1,0.25,u,v,w,x,0,big,0\n");
  EXPECT_EQ(all.auctions.size(), 1u);
  ASSERT_EQ(all.rejects.size(), 3u);
  EXPECT_THAT(all.rejects[0].second, HasSubstr("timestamp: '2019-11-24'"));
  EXPECT_THAT(all.rejects[1].second, HasSubstr("item_id: '3' is not a whole number from 0 to 2"));
  EXPECT_THAT(all.rejects[2].second, HasSubstr("user-item_affinity_1: 'big'"));
  std::istringstream in(kBanditHeader), items("item_id\n");
  EXPECT_EQ(base::FieldOf(MakeImporter("open_bandit", {.items = &items}, &in).status()), "item_feature_0");
}

vickrey::config::v1::CsvConfig Csv(const std::string& yaml) {
  vickrey::config::v1::CsvConfig config;
  const absl::Status loaded = base::LoadConfig(yaml, "schema.yaml", &config);
  EXPECT_TRUE(loaded.ok()) << loaded;
  return config;
}

constexpr char kFeatures[] =
    "features:\n  fields:\n    - {name: x, side: AD, kind: DENSE}\n    - {name: site, side: CONTEXT, kind: "
    "CATEGORICAL}\n"
    "    - {name: tags, side: AD, kind: BAG}\n";

TEST(Csv, ColumnsAreWhatTheSchemaSays) {
  const Imported all = Import(
      "csv",
      "x;site;tags;q;t;b;won;p;floor\n1.5;\"a;b\";u|v;q1;1700000000.5;0.25;true;12;3\n?;c;;q1;1;-;0;?;0\n2;c;w;q2;2;1;"
      "0;?;0\n",
      {.csv = Csv(
           std::string(kFeatures) +
           "delimiter: ';'\nmissing: ['?', '-']\nauction: q\ntime: {column: t, format: seconds}\nbag_separator: '|'\n"
           "bid: {column: b}\nclick: won\nprice_mille: {column: p, micros: 10000}\n"
           "reserve_click: {column: floor, micros: 1000}\ncurrency_code: EUR\n")});
  ASSERT_TRUE(all.rejects.empty()) << all.rejects[0].second;
  ASSERT_EQ(all.auctions.size(), 2u);
  const LoggedAuction& one = all.auctions[0];
  EXPECT_EQ(one.auction().auction_id(), "0123456789ab-1");
  EXPECT_EQ(all.auctions[1].auction().auction_id(), "0123456789ab-3");
  EXPECT_EQ(one.auction().event_time(), 1700000000500000);
  EXPECT_EQ(one.auction().currency_code(), "EUR");
  EXPECT_EQ(one.reserve().click_micros(), 3000);
  EXPECT_EQ(one.auction().context().named().fields().at("site").string_value(), "a;b");
  ASSERT_EQ(one.auction().candidates_size(), 2);
  EXPECT_EQ(one.auction().candidates(0).bid().micros(), 250'000);
  EXPECT_EQ(one.auction().candidates(1).bid().micros(), 1'000'000);  // missing
  EXPECT_EQ(one.auction().candidates(0).ad_id(), "row1");
  EXPECT_EQ(one.auction().candidates(0).features().named().fields().at("tags").list_value().values_size(), 2);
  EXPECT_EQ(one.auction().candidates(1).features().named().fields().size(), 0u);
  EXPECT_TRUE(one.candidates(0).click());
  EXPECT_FALSE(one.candidates(1).click());
  EXPECT_EQ(one.candidates(0).price_mille_micros(), 120'000);
  EXPECT_FALSE(one.candidates(1).has_price_mille_micros());
}

TEST(Csv, RowsWithoutAuctionsAreGrouped) {
  const Imported all = Import("csv", "1\ta\t\n2\tb\t\n3\tc\t\n",
                              {.group_size = 2,
                               .csv = Csv(std::string(kFeatures) + "delimiter: \"\\t\"\ncolumns: [x, site, tags]\n"
                                                                   "time: {start: 2024-01-01T00:00:00Z}\n")});
  ASSERT_EQ(all.auctions.size(), 2u);
  EXPECT_EQ(all.auctions[0].auction().candidates_size(), 2);
  EXPECT_EQ(all.auctions[1].auction().event_time() - all.auctions[0].auction().event_time(), 1'000'000);
  EXPECT_EQ(all.auctions[0].auction().event_time(), 1704067200000000);
}

TEST(Csv, WithoutATimeAuctionsAreASecondApart) {
  const Imported all = Import("csv", "x,site,tags\n1,a,\n2,b,\n", {.csv = Csv(kFeatures)});
  ASSERT_EQ(all.auctions.size(), 2u);
  EXPECT_EQ(all.auctions[0].auction().event_time(), 1704067200000000);
  EXPECT_EQ(all.auctions[1].auction().event_time(), 1704067201000000);
}

TEST(Csv, AnAuctionHasNoMoreCandidatesThanALogTakes) {
  std::string text = "x,site,tags,q\n";
  for (int i = 0; i < 10003; ++i) text += "1,a,,same\n";
  const Imported all = Import("csv", text + "1,a,,other\n", {.csv = Csv(std::string(kFeatures) + "auction: q\n")});
  ASSERT_EQ(all.auctions.size(), 2u);
  EXPECT_EQ(all.auctions[0].auction().candidates_size(), 10000);
  ASSERT_EQ(all.rejects.size(), 3u);
  EXPECT_EQ(all.rejects[0].first, 10002);
  EXPECT_THAT(all.rejects[0].second, HasSubstr("more than 10000 candidates"));
}

TEST(Csv, AColumnHasOneName) {
  std::istringstream in("x,site,x,tags\n1,a,2,\n");
  const absl::Status status = MakeImporter("csv", {.csv = Csv(kFeatures)}, &in).status();
  EXPECT_EQ(base::FieldOf(status), "x");
  EXPECT_THAT(std::string(status.message()), HasSubstr("two such columns"));
  vickrey::config::v1::CsvConfig config;
  for (const char* bad : {"delimiter: '\"'\n", "delimiter: \"\\n\"\n", "delimiter: ab\n", "delimiter: ''\n"}) {
    EXPECT_FALSE(base::LoadConfig(std::string(kFeatures) + bad, "s.yaml", &config).ok()) << bad;
  }
}

TEST(Importers, StopWhereTheCallerSays) {
  std::istringstream in("junk\njunk\njunk\n");
  const auto importer = MakeImporter("criteo", {}, &in).value();
  LoggedAuction record;
  const auto stopped =
      importer->Next([](int64_t, const absl::Status&) { return absl::CancelledError("enough"); }, &record);
  EXPECT_TRUE(absl::IsCancelled(stopped.status()));
  EXPECT_EQ(importer->rows(), 1);
}

TEST(Csv, RejectsRowsByLineAndSchemasByColumn) {
  const auto config = Csv(std::string(kFeatures) + "time: {column: t, format: '%Y-%m-%d'}\nclick: won\n");
  const Imported all = Import("csv",
                              "x,site,tags,t,won\n1,a,,2024-01-01,1\n1,a,,01.01.2024,1\nmany,a,,2024-01-01,1\n"
                              "1,a,,2024-01-01,maybe\n1,\"a\"b,,2024-01-01,1\n1,a,,,1\n1,a,,2024-01-02,0\n",
                              {.csv = config});
  EXPECT_EQ(all.auctions.size(), 2u);
  ASSERT_EQ(all.rejects.size(), 5u);
  EXPECT_THAT(all.rejects[0].second, HasSubstr("t: '01.01.2024' is not a time of the form %Y-%m-%d"));
  EXPECT_THAT(all.rejects[1].second, HasSubstr("x: 'many' is not a number"));
  EXPECT_THAT(all.rejects[2].second, HasSubstr("won: 'maybe'"));
  EXPECT_THAT(all.rejects[3].second, HasSubstr("not CSV"));
  EXPECT_EQ(all.rejects[3].first, 6);
  EXPECT_THAT(all.rejects[4].second, HasSubstr("t: is missing"));
  std::istringstream in("a,b\n1,2\n");
  const absl::Status wrong = MakeImporter("csv", {.csv = config}, &in).status();
  EXPECT_EQ(base::FieldOf(wrong), "t");
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("there are: a, b"));
}

// Encoded at import or later: the same arrays.
TEST(Encode, GivesWhatTheNamedFeaturesEncodeTo) {
  const std::pair<const char*, std::string> files[] = {
      {"criteo", CriteoRow("1") + CriteoRow("0", "")},
      {"ipinyou", IpinyouRow()},
      {"outbrain", std::string(kHeader) + "u1,1,42,,2016-06-14 04:06:19,3.0,US,0,14\n"},
      {"open_bandit", std::string(kBanditHeader) + "0,2019-11-24 00:03:13+00:00,1,3,1,0.25,u,v,w,,0,2.5,\n"}};
  for (const auto& [format, text] : files) {
    const Imported named = Import(format, text), encoded = Import(format, text, {.encode = true});
    const auto schema = features::Schema::Preset(format).value();
    ASSERT_EQ(named.auctions.size(), encoded.auctions.size());
    for (size_t i = 0; i < named.auctions.size(); ++i) {
      LoggedAuction record = named.auctions[i];
      const auto encode = [&](vickrey::v1::FeatureField::Side side, vickrey::v1::Features* features) {
        vickrey::v1::EncodedFeatures arrays;
        ASSERT_TRUE(features::Encode(*schema, side, features->named(), "f", &arrays).ok());
        *features->mutable_encoded() = arrays;
      };
      auto& auction = *record.mutable_auction();
      if (auction.has_context()) encode(vickrey::v1::FeatureField::CONTEXT, auction.mutable_context());
      for (auto& candidate : *auction.mutable_candidates()) {
        encode(vickrey::v1::FeatureField::AD, candidate.mutable_features());
      }
      EXPECT_EQ(SerializeDeterministically(record), SerializeDeterministically(encoded.auctions[i])) << format;
    }
  }
}

TEST(LineReader, GivesLinesWhateverTheirEnds) {
  std::istringstream in("a\r\n\nb\n\xff\nlast");
  LineReader reader(&in);
  std::vector<std::string> lines;
  for (std::string_view line; reader.Next(&line).value();) lines.emplace_back(line);
  EXPECT_THAT(lines, ElementsAre("a", "", "b", "\xff", "last"));
  EXPECT_EQ(reader.line(), 5);
}

TEST(LineReader, ALineWithoutEndIsRefused) {
  std::istringstream in("a\n" + std::string(3 * LineReader::kMaxLineBytes, 'x') + "\nb\n");
  LineReader reader(&in);
  std::string_view line;
  EXPECT_TRUE(reader.Next(&line).value());
  EXPECT_TRUE(absl::IsResourceExhausted(reader.Next(&line).status()));
  std::istringstream quoted("\"" + std::string(100, 'x') + "\n" + [] {
    std::string text;
    while (text.size() < 2 * CsvReader::kMaxRowBytes) text += std::string(1000, 'y') + "\n";
    return text;
  }());
  CsvReader csv(&quoted);
  std::vector<std::string> row;
  EXPECT_TRUE(absl::IsInvalidArgument(csv.Next(&row).status()));  // a quote that is never closed
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
              HasSubstr("known: criteo, outbrain, ipinyou, open_bandit, csv, jsonl, parquet"));
  const auto field = [&](const char* format, const ImportOptions& options) {
    return base::FieldOf(MakeImporter(format, options, &in).status()).value_or("none");
  };
  EXPECT_EQ(field("criteo", {.group_size = 0}), "group_size");
  EXPECT_EQ(field("outbrain", {.group_size = 2}), "group_size");
  EXPECT_EQ(field("jsonl", {.bids = BidSource{}}), "bids");
  EXPECT_EQ(field("jsonl", {.encode = true}), "encode");
  EXPECT_EQ(field("criteo", {.items = &in}), "items");
  EXPECT_EQ(field("criteo", {.csv = vickrey::config::v1::CsvConfig()}), "schema");
  EXPECT_EQ(field("csv", {}), "schema");
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
  std::istringstream open("a\n\"b\"c\nd\ne,\"f\n");
  CsvReader broken(&open);
  EXPECT_TRUE(broken.Next(&row).value());
  EXPECT_TRUE(absl::IsInvalidArgument(broken.Next(&row).status()));
  EXPECT_EQ(broken.line(), 2);
  EXPECT_TRUE(broken.Next(&row).value());  // goes on behind it
  EXPECT_THAT(row, ElementsAre("d"));
  EXPECT_TRUE(absl::IsInvalidArgument(broken.Next(&row).status()));  // an end inside quotes
  EXPECT_FALSE(broken.Next(&row).value());
}

}  // namespace
}  // namespace vickrey::log
