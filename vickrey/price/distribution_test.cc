#include "vickrey/price/distribution.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::price {
namespace {

using ::testing::HasSubstr;

const std::vector<double> kPrices = {10, 20, 40}, kProbabilities = {.5, .3, .2};

TEST(Distribution, ByHand) {
  const Distribution d(kPrices, kProbabilities);
  EXPECT_DOUBLE_EQ(d.Mean(), 19);
  EXPECT_EQ(d.Median(), 10);
  EXPECT_EQ(d.Quantile(.6), 20);
  EXPECT_EQ(d.Quantile(.81), 40);
  EXPECT_EQ(d.Quantile(1), 40);
  EXPECT_EQ(d.WinProbability(9.9), 0);
  EXPECT_EQ(d.WinProbability(10), .5);  // a bid equal to the price wins
  EXPECT_DOUBLE_EQ(d.WinProbability(25), .8);
  EXPECT_DOUBLE_EQ(d.WinProbability(1e9), 1);
  EXPECT_EQ(d.ProbabilityBelow(10), 0);
  EXPECT_EQ(d.ProbabilityBelow(20), .5);
  EXPECT_DOUBLE_EQ(d.ExpectedPayment(20), 11);
  EXPECT_EQ(d.ExpectedPayment(5), 0);
}

TEST(Distribution, CrpsByHand) {
  // E|X - X'| / 2 = .5 .3 10 + .5 .2 30 + .3 .2 20 = 5.7; E|X - y| = 9 (y = 20), 19 (0), 31 (50).
  const Distribution d(kPrices, kProbabilities);
  EXPECT_NEAR(d.Crps(20), 9 - 5.7, 1e-12);
  EXPECT_NEAR(d.Crps(0), 19 - 5.7, 1e-12);
  EXPECT_NEAR(d.Crps(50), 31 - 5.7, 1e-12);
  const std::vector<double> seven = {7}, one = {1};
  EXPECT_EQ(Distribution(seven, one).Crps(10), 3);  // of a point: the absolute error
  EXPECT_EQ(Distribution(seven, one).Crps(7), 0);
}

TEST(Distribution, CrpsIsTheDoubleSum) {
  base::RandomStream random(1, base::StreamId("test.crps"), 0);
  for (int round = 0; round < 200; ++round) {
    const size_t n = 1 + random.Below(12);
    std::vector<double> prices(n), p(n);
    double at = 0, sum = 0;
    for (size_t k = 0; k < n; ++k) {
      prices[k] = at += random.Uniform();
      sum += p[k] = random.Uniform();
    }
    for (double& x : p) x /= sum;
    const double y = random.Uniform() * (at + 1) - .5;
    double expected = 0;
    for (size_t k = 0; k < n; ++k) {
      expected += p[k] * std::abs(prices[k] - y);
      for (size_t l = 0; l < n; ++l) expected -= p[k] * p[l] * std::abs(prices[k] - prices[l]) / 2;
    }
    EXPECT_NEAR(Distribution(prices, p).Crps(y), expected, 1e-12);
  }
}

TEST(Distribution, CrpsIsProper) {
  // Of prices drawn from d, no other distribution has a lower expected score.
  const Distribution d(kPrices, kProbabilities);
  const auto expected = [&](const std::vector<double>& p) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) sum += kProbabilities[k] * Distribution(kPrices, p).Crps(kPrices[k]);
    return sum;
  };
  for (const std::vector<double>& other : {std::vector<double>{1, 0, 0}, {0, 1, 0}, {.4, .4, .2}, {.5, .2, .3}}) {
    EXPECT_LT(expected(kProbabilities), expected(other));
  }
}

TEST(Distribution, LogDensity) {
  EXPECT_DOUBLE_EQ(LogDensity(.5, 1), std::log(.5));
  EXPECT_DOUBLE_EQ(LogDensity(.5, 10), std::log(.05));
  EXPECT_DOUBLE_EQ(LogDensity(0, 2), std::log(5e-13));
}

TEST(Distribution, ChecksWhatItIsMadeOf) {
  EXPECT_TRUE(Distribution::Check(kPrices, kProbabilities).ok());
  const auto fault = [](std::vector<double> prices, std::vector<double> p) {
    return std::string(Distribution::Check(prices, p).message());
  };
  EXPECT_THAT(fault({}, {}), HasSubstr("prices: there are none"));
  EXPECT_THAT(fault({1, 2}, {1}), HasSubstr("has 1 entries; prices has 2"));
  EXPECT_THAT(fault({1, 1}, {.5, .5}), HasSubstr("prices[1]: 1 is not above the one before"));
  EXPECT_THAT(fault({NAN}, {1}), HasSubstr("prices[0]: nan is not finite"));
  EXPECT_THAT(fault({1, 2}, {-.5, 1.5}), HasSubstr("probabilities[0]: -0.5 is not in [0, 1]"));
  EXPECT_THAT(fault({1, 2}, {.5, .4}), HasSubstr("have the sum 0.9, not 1"));
}

}  // namespace
}  // namespace vickrey::price
