#include "vickrey/price/bid.h"

#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::price {
namespace {

const std::vector<double> kPrices = {10, 20, 40}, kProbabilities = {.5, .3, .2};
const Distribution kDistribution(kPrices, kProbabilities);

double Second(double bid, double value, double fee) {
  return ExpectedProfit(Payment::kSecondPrice, kDistribution, bid, value, fee);
}
double First(double bid, double value, double fee) {
  return ExpectedProfit(Payment::kFirstPrice, kDistribution, bid, value, fee);
}

TEST(Bid, SecondPriceByHand) {
  EXPECT_DOUBLE_EQ(Second(10, 30, 0), 10);  // .5 20
  EXPECT_DOUBLE_EQ(Second(30, 30, 0), 13);  // + .3 10
  EXPECT_DOUBLE_EQ(Second(40, 30, 0), 11);  // - .2 10
  EXPECT_DOUBLE_EQ(Second(kAnyPrice, 30, 0), 11);
  EXPECT_EQ(Second(kNoBid, 30, 0), 0);
  EXPECT_DOUBLE_EQ(Second(18, 30, 12), 4);      // .5 (30 - 10 - 12)
  EXPECT_NEAR(Second(20, 30, 12), 3.4, 1e-12);  // + .3 (30 - 20 - 12)
  EXPECT_EQ(TruthfulBid(30, 12), 18);
  EXPECT_EQ(TruthfulBid(12, 12), 0);
  EXPECT_EQ(TruthfulBid(11, 12), kNoBid);
}

TEST(Bid, FirstPriceByHand) {
  EXPECT_DOUBLE_EQ(First(10, 60, 0), 25);
  EXPECT_DOUBLE_EQ(First(20, 60, 0), 32);
  EXPECT_NEAR(First(40, 60, 0), 20, 1e-12);
  EXPECT_DOUBLE_EQ(First(25, 60, 0), 28);  // between two prices: the same wins for more
  EXPECT_EQ(First(kNoBid, 60, 0), 0);
  EXPECT_EQ(BestFirstPriceBid(kDistribution, 30, 0), 10);   // 10 against 8
  EXPECT_EQ(BestFirstPriceBid(kDistribution, 60, 0), 20);   // 25, 32, 20
  EXPECT_EQ(BestFirstPriceBid(kDistribution, 130, 0), 40);  // 60, 88, 90
  EXPECT_EQ(BestFirstPriceBid(kDistribution, 130, 70), 20);
  EXPECT_EQ(BestFirstPriceBid(kDistribution, 10, 0), kNoBid);
  EXPECT_EQ(BestFirstPriceBid(kDistribution, -5, 0), kNoBid);
  const std::vector<double> prices = {0, 10}, even = {.5, .5};
  EXPECT_EQ(BestFirstPriceBid(Distribution(prices, even), 20, 0), 0);  // 10 both ways: the lower
}

// Against all bids of a fine grid, on random distributions.
TEST(Bid, NoBidIsBetter) {
  base::RandomStream random(1, base::StreamId("test.bid"), 0);
  for (int round = 0; round < 300; ++round) {
    const size_t n = 1 + random.Below(8);
    std::vector<double> prices(n), p(n);
    double at = 0, sum = 0;
    for (size_t k = 0; k < n; ++k) {
      prices[k] = at += random.Uniform();
      sum += p[k] = random.Uniform();
    }
    for (double& x : p) x /= sum;
    const Distribution d(prices, p);
    const double value = random.Uniform() * (at + 1), fee = random.Bernoulli(.5) ? 0 : .3 * random.Uniform();
    for (const Payment payment : {Payment::kSecondPrice, Payment::kFirstPrice}) {
      const double bid = payment == Payment::kSecondPrice ? TruthfulBid(value, fee) : BestFirstPriceBid(d, value, fee);
      const double profit = ExpectedProfit(payment, d, bid, value, fee);
      EXPECT_GE(profit, 0);
      for (int i = 0; i <= 400; ++i) {
        EXPECT_GE(profit + 1e-12, ExpectedProfit(payment, d, (at + 1) * i / 400, value, fee));
      }
    }
  }
}

TEST(ShadedBid, ByHand) {
  EXPECT_EQ(ShadedBid(.5, 100, 20, 0), 40);
  EXPECT_EQ(ShadedBid(.5, 100, 20, 40), 40);
  EXPECT_EQ(ShadedBid(.5, 100, 20, 55), 55);  // half would win nothing
  EXPECT_EQ(ShadedBid(.5, 100, 20, 80), 80);
  EXPECT_EQ(ShadedBid(.5, 100, 20, 80.5), kNoBid);
  EXPECT_EQ(ShadedBid(.5, 10, 20, 0), kNoBid);
  EXPECT_TRUE(IsSureLoss(100, 20, 80.5));
  EXPECT_FALSE(IsSureLoss(100, 20, 80));
  EXPECT_FALSE(IsSureLoss(10, 20, 0));  // not by a floor: there is none
}

}  // namespace
}  // namespace vickrey::price
