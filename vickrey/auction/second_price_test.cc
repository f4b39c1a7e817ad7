#include "vickrey/auction/second_price.h"

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/auction/auction_testing.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Outcome Decide(const std::vector<Candidate>& candidates, Reserve reserve = kNoReserve) {
  return MakeMechanism({.reserve = reserve}).value()->Run("a", candidates).value();
}

// The one slot's sale.
std::optional<Sale> SaleOf(const std::vector<Candidate>& candidates, Reserve reserve = kNoReserve) {
  const auto sales = SalesOf({.reserve = reserve}, candidates);
  if (sales.empty()) return std::nullopt;
  return sales.front();
}

// Worked by hand.
TEST(SecondPrice, TheWinnerPaysWhatKeepsItsSlot) {
  // Scores 200000, 150000, 40000: 150000 / 0.1 = 1500000.
  EXPECT_EQ(SaleOf({{2'000'000, 0.1}, {3'000'000, 0.05}, {4'000'000, 0.01}}), (Sale{0, 1'500'000}));
  // Scores 4 and 3; at 0.5 a bid of 6 ties and index 0 wins the tie: 6.
  EXPECT_EQ(SaleOf({{8, 0.5}, {6, 0.5}}), (Sale{0, 6}));
  // The other way round a tie is lost: 7.
  EXPECT_EQ(SaleOf({{6, 0.5}, {8, 0.5}}), (Sale{1, 7}));
  // 1 / 0.75 = 1.33: 2 micros are the least that beat a score of 1.
  EXPECT_EQ(SaleOf({{1, 1.0}, {4, 0.75}}), (Sale{1, 2}));
}

TEST(SecondPrice, TiesGoToTheLowerIndexAtTheTiedAmount) {
  EXPECT_EQ(SaleOf({{5, 0.5}, {5, 0.5}, {5, 0.5}}), (Sale{0, 5}));
  EXPECT_THAT(Decide({{5, 0.5}, {5, 0.5}, {5, 0.5}}).ranking, ElementsAre(0, 1, 2));
}

TEST(SecondPrice, ALoneBidderWinsAndPaysTheReserve) {
  EXPECT_EQ(SaleOf({{7, 0.5}}), (Sale{0, 0}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Click(3)), (Sale{0, 3}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Click(7)), (Sale{0, 7}));  // equal to the reserve is a sale
  EXPECT_EQ(SaleOf({{7, 0.5}}, Click(8)), std::nullopt);
  // Per mille 2500 micros: score >= 2.5, so a bid of at least 5.
  EXPECT_EQ(SaleOf({{7, 0.5}}, Mille(2500)), (Sale{0, 5}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Mille(3500)), (Sale{0, 7}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Mille(3501)), std::nullopt);
}

TEST(SecondPrice, AnIneligibleCandidateNeitherWinsNorSetsAPrice) {
  EXPECT_EQ(SaleOf({{9, 0.9}, {10, 0.1}}, Click(10)), (Sale{1, 10}));  // the better score bids below the reserve
  EXPECT_EQ(SaleOf({{9, 0.5}, {4, 0.5}}, Click(5)), (Sale{0, 5}));     // 4 is below the reserve
  EXPECT_EQ(SaleOf({{9, 0.5}, {6, 0.5}}, Click(5)), (Sale{0, 6}));
  EXPECT_EQ(SaleOf({{9, 0}, {5, 0.5}}), (Sale{1, 0}));  // pCTR 0 is never eligible
  EXPECT_EQ(SaleOf({{9, 0}, {5, 0}}), std::nullopt);
  EXPECT_THAT(Decide({{9, 0}, {5, 0.5}}).ranking, ElementsAre(1));
  EXPECT_EQ(SaleOf({}), std::nullopt);
}

TEST(SecondPrice, TheEndsOfTheRanges) {
  EXPECT_EQ(SaleOf({{kMaxBidMicros, 1}, {kMaxBidMicros, 1}}), (Sale{0, kMaxBidMicros}));
  EXPECT_EQ(SaleOf({{kMaxBidMicros - 1, 1}, {kMaxBidMicros, 1}}), (Sale{1, kMaxBidMicros}));
  EXPECT_EQ(SaleOf({{1, 1}, {1, 1}}), (Sale{0, 1}));
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(SaleOf({{1, kTiny}, {kMaxBidMicros, kTiny}}), (Sale{1, 2}));
  EXPECT_EQ(SaleOf({{kMaxBidMicros, 1}, {1, kTiny}}), (Sale{0, 1}));
  EXPECT_EQ(SaleOf({{kMaxBidMicros, 1}}, Mille(kMaxMilleMicros)), (Sale{0, kMaxBidMicros}));
}

TEST(SecondPrice, RefusesBadInputByName) {
  const auto mechanism = MakeMechanism({}).value();
  const auto error = [&](std::vector<Candidate> candidates) { return mechanism->Run("a7", candidates).status(); };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double pctr : {kNan, -0.1, 1.0000001, std::numeric_limits<double>::infinity(), -kNan}) {
    const absl::Status status = error({{1, 0.5}, {1, 0.5}, {1, pctr}});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << pctr;
    EXPECT_EQ(base::FieldOf(status), "candidates[2].pctr");
    EXPECT_THAT(std::string(status.message()), HasSubstr("auction a7: candidates[2].pctr: "));
  }
  for (const int64_t bid : {int64_t{0}, int64_t{-1}, kMaxBidMicros + 1, std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(base::FieldOf(error({{bid, 0.5}})), "candidates[0].bid_micros") << bid;
  }
  EXPECT_TRUE(error({{1, -0.0}}).ok());
}

// A tie whose quotient, score / pCTR, is rounded below the bid that makes it: the first guess then is the tie itself,
// which the higher index loses and the lower one keeps.
TEST(SecondPrice, ATieIsATieHoweverTheQuotientIsRounded) {
  const auto mechanism = MakeMechanism({}).value();
  int found = 0;
  for (int64_t bid = 1; bid < 2000; ++bid) {
    for (const double pctr : {0.1, 0.3, 0.7, 0.9, 0.049, 0.0123}) {
      if (!(Score(bid, pctr) / pctr < static_cast<double>(bid))) continue;
      ++found;
      EXPECT_EQ(SaleOf({{bid, pctr}, {bid + 5, pctr}}), (Sale{1, bid + 1})) << bid << ' ' << pctr;
      EXPECT_EQ(SaleOf({{bid + 5, pctr}, {bid, pctr}}), (Sale{0, bid})) << bid << ' ' << pctr;
      const std::vector<int64_t> bids = {bid, bid + 5, bid + 5, bid}, offsets = {0, 2, 4};
      const std::vector<double> pctrs(4, pctr);
      BatchOutcome batch;
      ASSERT_TRUE(mechanism->RunBatch({bids, pctrs, offsets}, &batch).ok());
      EXPECT_EQ(batch.prices_micros, (std::vector<int64_t>{bid + 1, bid})) << bid << ' ' << pctr;
    }
  }
  EXPECT_GT(found, 100);
}

}  // namespace
}  // namespace vickrey::auction
