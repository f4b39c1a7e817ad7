// Logs with floors: iPinYou's impressions, what is seen of them, and what they are worth.
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "trainer/price/data.h"
#include "trainer/price/features.h"
#include "trainer/price/job.h"
#include "trainer/price/price_log.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/price_lines.pb.h"

namespace vickrey::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::config::v1::PriceConfig;

class TempFile {
 public:
  explicit TempFile(const std::string& text)
      : path_(std::filesystem::path(testing::TempDir()) /
              ("floors_test-" + std::to_string(getpid()) + "-" + std::to_string(count_++))) {
    std::ofstream(path_) << text;
  }
  ~TempFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  inline static int count_ = 0;
  std::filesystem::path path_;
};

struct Row {
  std::string time = "20131022135101295", floor = "13", paid = "205", click = "0", exchange = "2", slot = "slot";
  std::string more;  // columns behind the 27
};
std::string TextOf(const Row& row) {
  return row.click + "\t2\t13\tbid\t" + row.time + "\t1\tuser\tos\t1.2.3.*\t216\t220\t" + row.exchange +
         "\tdomain\turl\tnull\t" + row.slot + "\t200\t250\tFirstView\tNa\t" + row.floor + "\t7319\t277\t" + row.paid +
         "\tnull\t2259\t10063,11423" + row.more + "\n";
}

PriceConfig ConfigOf(const std::vector<std::string>& settings) {
  const auto config = LoadPriceConfig("", settings);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(PriceConfig());
}

TEST(Impressions, SortsThemAndKnowsFloors) {
  const TempFile file(TextOf({.time = "20131022135101295", .floor = "13", .paid = "205", .click = "1"}) +
                      TextOf({.time = "20131022000000000", .floor = "0", .paid = "46", .exchange = "1"}) +
                      TextOf({.time = "20131022135101295", .floor = "31", .paid = "30", .more = "\t0\t0"}) +
                      TextOf({.time = "20131021235959999", .floor = "70", .paid = "70", .slot = "other"}));
  const auto log = ReadPriceLog(file.path());
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_THAT(log->prices, ElementsAre(70, 46, 205, 31));  // 30 is a rounded 31
  EXPECT_THAT(log->floors, ElementsAre(70, 0, 13, 31));
  EXPECT_THAT(log->clicks, ElementsAre(false, false, true, false));
  EXPECT_TRUE(log->pctrs.empty());
  EXPECT_EQ(log->raised, 1);
  EXPECT_EQ(log->times[2], 1382421061295000);  // date -u -d '2013-10-22 13:51:01 +0800' +%s
  EXPECT_EQ(log->hours[0] % 24, 23);
  EXPECT_EQ(log->hours[1] - log->hours[0], 1);
  EXPECT_EQ(log->hours[2] - log->hours[1], 13);
  ASSERT_EQ(log->categories.size(), 6u);
  EXPECT_EQ(log->categories[0].name(), "adexchange");
  EXPECT_THAT(log->categories[0].values(), ElementsAre("2", "1"));  // as in the sorted log
  EXPECT_THAT(log->categories[0].rows(), ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(log->categories[3].values(), ElementsAre("other", "slot"));
  EXPECT_EQ(log->categories[5].name(), "slotsize");
  EXPECT_THAT(log->categories[5].values(), ElementsAre("200x250"));
}

TEST(Impressions, NamesWhatIsWrong) {
  const auto fault = [](const std::string& row, double tolerance = 1) {
    const TempFile file(TextOf({}) + row);
    const absl::Status status = ReadPriceLog(file.path(), tolerance).status();
    EXPECT_EQ(base::LineOf(status), 2) << row;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file.path().string() + ":2"));
    return std::string(status.message());
  };
  EXPECT_THAT(fault(TextOf({.click = "2"})), HasSubstr("click: column 1: '2' is not a whole number from 0 to 1"));
  EXPECT_THAT(fault(TextOf({.floor = "-1"})), HasSubstr("slotprice: column 21: '-1' is not a whole number from 0"));
  EXPECT_THAT(fault(TextOf({.floor = "null"})), HasSubstr("slotprice: column 21: 'null'"));
  EXPECT_THAT(fault(TextOf({.paid = "1.5"})), HasSubstr("payprice: column 24: '1.5' is not a whole number"));
  EXPECT_THAT(fault(TextOf({.time = "2013102213510129"})), HasSubstr("timestamp: column 5: '2013102213510129'"));
  EXPECT_THAT(fault(TextOf({.time = "20131322135101295"})), HasSubstr("timestamp: column 5"));
  EXPECT_THAT(fault(TextOf({.time = "20131022135101+29"})), HasSubstr("timestamp: column 5"));
  EXPECT_THAT(fault(TextOf({.more = "\t1"})), HasSubstr("has 28 columns; 27 or 29 are expected"));
  EXPECT_THAT(fault("0\t51\t0.1\t5\n"), HasSubstr("has 4 columns; 27 or 29 are expected"));
  EXPECT_THAT(fault("\n"), HasSubstr("has 1 columns"));
  EXPECT_THAT(fault(TextOf({.floor = "50", .paid = "48"})),
              HasSubstr("payprice: column 24: '48' is not at least the floor (slotprice, column 21), 50, less "
                        "floor_tolerance, 1"));
  EXPECT_THAT(fault(TextOf({.floor = "50", .paid = "49"}), 0), HasSubstr("payprice: column 24: '49'"));
  const TempFile two(TextOf({}) + TextOf({.floor = "50", .paid = "48"}));
  EXPECT_THAT(ReadPriceLog(two.path(), 2)->prices, ElementsAre(205, 50));
  const TempFile none("1\t2\t3\t4\t5\n");
  EXPECT_THAT(ReadPriceLog(none.path()).status().message(),
              HasSubstr("has 5 columns; 4 are expected: click, price, pctr, hour, with tabs between, or the 27 or 29"));
  const TempFile mixed("0\t51\t0.1\t5\n" + TextOf({}));
  EXPECT_THAT(ReadPriceLog(mixed.path()).status().message(), HasSubstr("has 27 columns; 4 are expected"));
}

PriceLog LogOf(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) text += TextOf(row);
  const auto log = ReadPriceLog(TempFile(text).path());
  EXPECT_TRUE(log.ok()) << log.status();
  return log.value_or(PriceLog());
}

TEST(Impressions, WhatLiesBeforeTheEndOfTheOtherLogIsLeftOut) {
  PriceLog log = LogOf({{.time = "20131022100000000"}, {.time = "20131022120000000"}});
  const PriceLog before = LogOf({{.time = "20131022115959999"}});
  const absl::Status status = Append(before, &log).status();
  EXPECT_EQ(base::FieldOf(status), "timestamp");
  EXPECT_THAT(status.message(), HasSubstr("the test log ends at 20131022115959.999, before the training log does, at "
                                          "20131022120000.000"));
  EXPECT_EQ(log.rows(), 2);
  const auto left_out = Append(LogOf({{.time = "20131022120000000", .exchange = "7"},
                                      {.time = "20131022115959999", .exchange = "8"},
                                      {.time = "20131023000000000", .exchange = "2"}}),
                               &log);
  EXPECT_EQ(*left_out, 1);
  EXPECT_EQ(log.rows(), 4);
  EXPECT_EQ(log.floors.size(), 4u);
  EXPECT_THAT(log.categories[0].values(), ElementsAre("2", "7"));
  EXPECT_THAT(log.categories[0].rows(), ElementsAre(0, 0, 1, 0));
  PriceLog prices;
  prices.prices = {1};
  prices.hours = {999'999};
  EXPECT_THAT(Append(prices, &log).status().message(), HasSubstr("of different formats"));
}

TEST(Impressions, FeaturesByHand) {
  const PriceLog log = LogOf({{.time = "20131022100000000", .floor = "0", .exchange = "1", .slot = "a"},
                              {.time = "20131022100000001", .floor = "0", .exchange = "1", .slot = "b"},
                              {.time = "20131022100000002", .floor = "0", .exchange = "2", .slot = "a"},
                              {.time = "20131022100000003", .floor = "99", .exchange = "2", .slot = "c"}});
  const PriceConfig config = ConfigOf({"features.windows=[1]", "features.category_rows=2"});
  // The first three rows have no floor, twice exchange 1, twice slot a; all of them one size.
  PriceFeatureChoice choice = ChooseFeatures(log, config.features(), true, 3);
  EXPECT_FALSE(choice.floor);
  EXPECT_THAT(RawFeatures(log, config.features(), choice).names,
              ElementsAre("mean_1", "deviation_1", "adexchange=1", "slotid=a"));
  choice = ChooseFeatures(log, config.features(), true, 4);
  const PriceFeatures features = RawFeatures(log, config.features(), choice);
  EXPECT_THAT(features.names, ElementsAre("mean_1", "deviation_1", "log_floor", "has_floor", "adexchange=1",
                                          "adexchange=2", "slotid=a"));
  const auto x = features.rows.accessor<float, 2>();
  EXPECT_FLOAT_EQ(x[3][2], std::log(100.0F));
  EXPECT_THAT((std::vector<float>{x[3][3], x[3][4], x[3][5], x[3][6]}), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT((std::vector<float>{x[0][2], x[0][3], x[0][4], x[0][5], x[0][6]}), ElementsAre(0, 0, 1, 0, 1));
  const PriceConfig one = ConfigOf({"features.windows=[1]", "features.category_rows=1", "features.category_values=1"});
  // The first of two with two rows each, and the one of three slots with two.
  EXPECT_THAT(RawFeatures(log, one.features(), ChooseFeatures(log, one.features(), false, 4)).names,
              ElementsAre("mean_1", "deviation_1", "adexchange=1", "slotid=a"));
  const auto names = [&](const std::vector<std::string>& settings, bool floors) {
    const PriceConfig other = ConfigOf(settings);
    return RawFeatures(log, other.features(), ChooseFeatures(log, other.features(), floors, 4)).names;
  };
  EXPECT_THAT(names({"features.windows=[1]"}, true), ElementsAre("mean_1", "deviation_1", "log_floor", "has_floor"));
  EXPECT_THAT(names({"features.windows=[1]"}, false), ElementsAre("mean_1", "deviation_1"));
  EXPECT_THAT(names({"features.windows=[1]", "features.floor=off"}, true), ElementsAre("mean_1", "deviation_1"));
  EXPECT_THAT(names({"features.windows=[1]", "features.category_rows=1", "features.categories=off"}, false),
              ElementsAre("mean_1", "deviation_1"));
}

TEST(Impressions, AreWorthTheClickRate) {
  const PriceLog train = LogOf({{.time = "20131022100000000", .paid = "20", .click = "1"},
                                {.time = "20131022100000001", .paid = "30"},
                                {.time = "20131022100000002", .paid = "60"},
                                {.time = "20131022100000003", .paid = "90"},
                                {.time = "20131022100000004", .paid = "100", .click = "1"}});
  const PriceLog test = LogOf({{.time = "20131023100000000", .floor = "70", .paid = "80", .click = "1"}});
  // Four of the five are trained on: 1 click in 4, a mean price of 50.
  const PriceData data = *MakePriceData(ConfigOf({"validation=0.2"}), train, test);
  EXPECT_EQ(data.click_rate, .25);
  EXPECT_DOUBLE_EQ(data.value_per_click, 200);
  EXPECT_THAT(data.values, ElementsAre(50, 50, 50, 50, 50, 50));
  EXPECT_EQ(data.floor(5), 70);
  EXPECT_EQ(MakePriceData(ConfigOf({"validation=0.2", "floors=ignore"}), train, test)->floor(5), 0);
  const absl::Status status =
      MakePriceData(ConfigOf({"validation=0.2"}), LogOf({{.paid = "20"}, {.paid = "30"}}), test).status();
  EXPECT_EQ(base::FieldOf(status), "click");
  EXPECT_THAT(status.message(), HasSubstr("none of the 1 rows trained on has one"));
}

// Prices are the higher of a floor, which is 0 half of the time, and of what others bid.
std::string MarketOf(uint64_t seed, const std::string& day, int rows) {
  std::string text;
  for (int i = 0; i < rows; ++i) {
    base::RandomStream random(seed, base::StreamId("test.floors"), static_cast<uint64_t>(i));
    const auto others = static_cast<int>(random.LogNormal(4, .5));
    const int floor = random.Bernoulli(.5) ? 20 + static_cast<int>(random.Below(100)) : 0;
    std::string number = std::to_string(100'000'000 + i);
    text += TextOf({.time = day + "00" + number.substr(2),
                    .floor = std::to_string(floor),
                    .paid = std::to_string(std::max(others, floor)),
                    .click = random.Bernoulli(.1) ? "1" : "0"});
  }
  return text;
}

// The whole of `vickrey price` in one process: no bid below a floor wins, a floor that is known pays, and a head that
// is conditioned on it knows more than one that is not.
TEST(Impressions, KnownFloorsPay) {
  const TempFile train(MarketOf(1, "20131022", 5000)), test(MarketOf(2, "20131023", 1500));
  const auto run = [&](const std::string& floors) {
    std::vector<vickrey::v1::PriceHeadLine> heads;
    std::vector<vickrey::v1::PriceBidderLine> bidders;
    std::vector<vickrey::v1::PriceLogSummary> logs;
    const PriceConfig config = ConfigOf(
        {"floors=" + floors, "heads=[{kind: bins, loss: ce}, {kind: regression, loss: mae}]", "hidden=[32]",
         "tokens.bins=32", "training.epochs=12", "training.batch=128", "training.learning_rate=0.005", "threads=1"});
    EXPECT_TRUE(
        RunPriceJob(config, train.path(), test.path(), PriceTask::kAll, [&](const google::protobuf::Message& line) {
          if (const auto* head = dynamic_cast<const vickrey::v1::PriceHeadLine*>(&line)) heads.push_back(*head);
          if (const auto* bid = dynamic_cast<const vickrey::v1::PriceBidderLine*>(&line)) bidders.push_back(*bid);
          if (const auto* log = dynamic_cast<const vickrey::v1::PriceLogLine*>(&line)) logs.push_back(log->log());
        }).ok());
    EXPECT_EQ(logs.size(), 1u);
    struct Result {
      vickrey::v1::PriceHeadLine marginal, bins, mae;
      double shaded = 0, optimal = 0, truthful = 0;
    } result = {.marginal = heads.at(0), .bins = heads.at(1), .mae = heads.at(2)};
    for (const auto& line : bidders) {
      if (line.fee() != 0 || line.has_budget()) continue;
      if (line.bidder() == "shaded") result.shaded = line.profit();
      if (line.bidder() == "truthful") result.truthful = line.profit();
      if (line.bidder() == "optimal" && line.head() == "bins_ce") result.optimal = line.profit();
    }
    return result;
  };
  const auto known = run("condition"), clamped = run("clamp"), unknown = run("ignore");
  EXPECT_LT(known.bins.crps(), known.marginal.crps());
  // What others bid is the same with and without a floor here, so that max(price, floor) of any price is near the
  // truth.
  EXPECT_LT(clamped.bins.crps(), known.bins.crps());
  for (const auto* some : {&known, &clamped}) {
    EXPECT_LT(some->bins.crps(), .95 * unknown.bins.crps());
    EXPECT_LT(some->marginal.crps(), .95 * unknown.marginal.crps());
    EXPECT_LT(some->mae.mae(), .95 * unknown.mae.mae());
    EXPECT_GT(some->bins.log_likelihood(), unknown.bins.log_likelihood() + .2);
    EXPECT_GT(some->optimal, unknown.optimal);
    EXPECT_GE(some->shaded, unknown.shaded);
    EXPECT_EQ(some->truthful, unknown.truthful);  // needs no forecast, and a bid below a floor loses by itself
  }
}

}  // namespace
}  // namespace vickrey::trainer
