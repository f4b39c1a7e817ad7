#include "simulator/scoring.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "vickrey/base/config.h"
#include "vickrey/base/json.h"

namespace vickrey::simulator {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::OutcomeLine;

struct Played {
  Played() {
    config.mutable_market()->set_scenario("linear");
    config.add_models("m@1");
    config.add_models("n@2");
    config.set_reserve_click_micros(1'000'000);
    EXPECT_TRUE(base::FinishConfig("test", &config).ok());
    outcomes = OutcomeWriter::Open("").value();
    scoring = Scoring::Create(config, {{"m@1", "l", "c"}, {"n@2", "l", "c"}}, outcomes.get()).value();
  }

  void Add(const std::string& json, const std::vector<std::vector<double>>& pctrs) {
    AuctionLine line;
    ASSERT_TRUE(base::FromJson(json, &line).ok()) << json;
    round.Append(line);
    round.answers.resize(2);
    for (size_t m = 0; m < 2; ++m) {
      auto& [answered, all, winners, prices] = round.answers[m];
      answered.push_back(!pctrs[m].empty());
      all.insert(all.end(), pctrs[m].begin(), pctrs[m].end());
      all.resize(round.bids_micros.size());
    }
  }

  vickrey::config::v1::SimulateConfig config;
  std::unique_ptr<OutcomeWriter> outcomes;
  std::unique_ptr<Scoring> scoring;
  Round round;
  RoundScore score;
};

constexpr char kSold[] =
    R"({"auction_id":"a","cluster_key":"u \"1\"\n","candidates":[
      {"ad_id":"x","bid_micros":3000000,"ctr":0.1,"click":1},{"ad_id":"y","bid_micros":2000000,"ctr":0.2,"click":0}]})";
constexpr char kUnsold[] = R"({"auction_id":"b","candidates":[{"ad_id":"x","bid_micros":500000,"ctr":0.1,"click":0}]})";
constexpr char kUnjudged[] = R"({"auction_id":"c","candidates":[{"ad_id":"x","bid_micros":1500000}]})";

// The lines are written by hand, for speed: each must be what the message prints.
TEST(Scoring, LinesAreThoseOfTheMessage) {
  Played played;
  played.Add(kSold, {{.2, .1}, {}});
  played.Add(kUnsold, {{.2}, {.3}});
  played.Add(kUnjudged, {{1. / 3}, {1e-7}});
  ASSERT_TRUE(played.scoring->Judge(played.round, &played.score).ok());
  std::vector<std::string> lines = absl::StrSplit(played.score.outcomes, '\n');
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines.back(), "");
  lines.pop_back();
  std::vector<OutcomeLine> read(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    ASSERT_TRUE(base::FromJson(lines[i], &read[i]).ok()) << lines[i];
    EXPECT_EQ(base::ToJson(read[i]), lines[i]);
  }
  // Worked by hand: x, 600,000 against 200,000, pays what it needs to keep the slot, at least the reserve.
  EXPECT_EQ(read[0].cluster_key(), "u \"1\"\n");
  EXPECT_EQ(read[0].price_micros(), 1'000'000);
  EXPECT_DOUBLE_EQ(read[0].welfare(), .3);
  EXPECT_DOUBLE_EQ(read[0].revenue(), .1);
  EXPECT_DOUBLE_EQ(read[0].oracle_welfare(), .4);
  EXPECT_TRUE(read[0].clicked());
  EXPECT_TRUE(read[1].missing() && !read[1].has_welfare() && !read[1].has_index());
  EXPECT_TRUE(!read[2].has_index() && read[2].welfare() == 0 && !read[2].missing());
  EXPECT_TRUE(read[4].has_index() && !read[4].has_welfare() && !read[4].has_clicked());
}

TEST(Scoring, TellsWhatCouldNotBeJudged) {
  Played played;
  played.Add(kSold, {{.2, .1}, {.1, .2}});
  played.Add(kUnjudged, {{.2}, {.3}});
  ASSERT_TRUE(played.scoring->Judge(played.round, &played.score).ok());
  ASSERT_TRUE(played.scoring->Add(played.score).ok());
  const auto summary = played.scoring->Finish().value();
  EXPECT_FALSE(summary.models(0).has_welfare());
  EXPECT_FALSE(summary.models(0).has_welfare_source());
  EXPECT_EQ(summary.comparisons(0).auctions(), 1);
  ASSERT_EQ(summary.warnings_size(), 2);
  EXPECT_NE(summary.warnings(0).find("of 1 of the 2 auctions welfare is not known"), std::string::npos);
  EXPECT_NE(summary.warnings(1).find("comparisons are over the 1 auctions"), std::string::npos);
}

// What a server sold must follow from its own predictions.
TEST(Scoring, RefusesASaleThatDoesNotFollow) {
  for (const bool wrong_price : {false, true}) {
    Played played;
    played.Add(kSold, {{.2, .1}, {.1, .2}});
    played.round.answers[0].winners = {wrong_price ? 0 : 1};
    played.round.answers[0].prices_micros = {wrong_price ? 999'999 : 1'000'000};
    EXPECT_TRUE(absl::IsInternal(played.scoring->Judge(played.round, &played.score)));
    played.round.answers[0].winners = {0};
    played.round.answers[0].prices_micros = {1'000'000};
    EXPECT_TRUE(played.scoring->Judge(played.round, &played.score).ok());
  }
}

}  // namespace
}  // namespace vickrey::simulator
