#include "vickrey/price/floor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/price/bid.h"

namespace vickrey::price {
namespace {

using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

// Two bins, [1, 2) with the atom 1 and [2, 10] with 2, 3 and 10.
class FloorOfBins : public testing::Test {
 protected:
  const Bins bins_ = *Bins::Fit(std::vector<double>{10, 2, 1, 3, 2}, 2, Bins::Edges::kQuantile);
  const std::vector<double> atoms_ = {.2, .4, .2, .2};
  FlooredDistribution condition_{&bins_, FloorLaw::kCondition}, clamp_{&bins_, FloorLaw::kClamp};
};

TEST_F(FloorOfBins, NoFloorChangesNothing) {
  for (FlooredDistribution* floored : {&condition_, &clamp_}) {
    floored->Set(atoms_, 3);
    floored->Set(atoms_, 0);
    EXPECT_EQ(floored->distribution().prices().data(), bins_.support().data());
    EXPECT_EQ(floored->distribution().probabilities().data(), atoms_.data());
    EXPECT_EQ(floored->LogDensityAt(3), bins_.LogDensityAt(atoms_, 3));
  }
}

TEST_F(FloorOfBins, ConditionByHand) {
  condition_.Set(atoms_, 3);
  const Distribution d = condition_.distribution();
  EXPECT_THAT(d.prices(), ElementsAre(3, 10));
  EXPECT_THAT(d.probabilities(), ElementsAre(DoubleEq(.5), DoubleEq(.5)));  // .2 and .2 of the .4 that are left
  EXPECT_EQ(d.WinProbability(2.999), 0);
  EXPECT_DOUBLE_EQ(d.WinProbability(3), .5);
  EXPECT_DOUBLE_EQ(d.Mean(), 6.5);
  EXPECT_DOUBLE_EQ(d.Crps(3), 1.75);                                  // .5^2 over the 7 from 3 to 10
  EXPECT_DOUBLE_EQ(condition_.LogDensityAt(3), std::log(1.0 / 7));    // all of it over [3, 10]
  EXPECT_DOUBLE_EQ(condition_.LogDensityAt(7.5), std::log(1.0 / 7));  // wherever in it
  // First price: (8 - 3) / 2; at 20, (20 - 10) x 1 is more than (20 - 3) / 2; at 3 nothing can be earned.
  EXPECT_EQ(BestFirstPriceBid(d, 8, 0), 3);
  EXPECT_EQ(BestFirstPriceBid(d, 20, 0), 10);
  EXPECT_EQ(BestFirstPriceBid(d, 3, 0), kNoBid);
  EXPECT_EQ(BestFirstPriceBid(d, 8, 5), kNoBid);
}

TEST_F(FloorOfBins, ClampByHand) {
  clamp_.Set(atoms_, 3);
  EXPECT_THAT(clamp_.distribution().prices(), ElementsAre(3, 10));
  EXPECT_THAT(clamp_.distribution().probabilities(), ElementsAre(DoubleEq(.8), DoubleEq(.2)));
  EXPECT_DOUBLE_EQ(clamp_.LogDensityAt(3), std::log(1.0 / 7));
  EXPECT_EQ(clamp_.distribution().WinProbability(2.999), 0);
}

// The first bin keeps half of its width and no atom: half of its .2, at the floor.
TEST_F(FloorOfBins, ACutTokenWithoutAnAtom) {
  condition_.Set(atoms_, 1.5);
  EXPECT_THAT(condition_.distribution().prices(), ElementsAre(1.5, 2, 3, 10));
  EXPECT_THAT(condition_.distribution().probabilities(),
              ElementsAre(DoubleEq(1.0 / 9), DoubleEq(4.0 / 9), DoubleEq(2.0 / 9), DoubleEq(2.0 / 9)));
  EXPECT_DOUBLE_EQ(condition_.LogDensityAt(1.7), std::log(2.0 / 9));  // 1/9 over .5
  EXPECT_DOUBLE_EQ(condition_.LogDensityAt(5), std::log(1.0 / 9));    // 8/9 over 8
  clamp_.Set(atoms_, 1.5);
  EXPECT_THAT(clamp_.distribution().probabilities(),
              ElementsAre(DoubleEq(.2), DoubleEq(.4), DoubleEq(.2), DoubleEq(.2)));
  EXPECT_DOUBLE_EQ(clamp_.LogDensityAt(1.7), std::log(.4));
  EXPECT_DOUBLE_EQ(clamp_.LogDensityAt(5), std::log(.1));
}

TEST_F(FloorOfBins, NothingLeftIsTheFloor) {
  condition_.Set(atoms_, 11);  // above every price that was ever seen
  EXPECT_THAT(condition_.distribution().prices(), ElementsAre(11));
  EXPECT_THAT(condition_.distribution().probabilities(), ElementsAre(1));
  EXPECT_EQ(condition_.distribution().WinProbability(10.9), 0);
  EXPECT_DOUBLE_EQ(condition_.LogDensityAt(11), std::log(1.0 / 8));
  const std::vector<double> low = {1 - 9e-7, 3e-7, 3e-7, 3e-7};
  condition_.Set(low, 2);  // 9e-7 left
  EXPECT_THAT(condition_.distribution().prices(), ElementsAre(2));
  EXPECT_DOUBLE_EQ(condition_.LogDensityAt(5), std::log(1.0 / 8));
  const std::vector<double> enough = {1 - 9e-6, 3e-6, 3e-6, 3e-6};
  condition_.Set(enough, 2);
  EXPECT_THAT(condition_.distribution().probabilities(),
              ElementsAre(DoubleNear(1.0 / 3, 1e-9), DoubleNear(1.0 / 3, 1e-9), DoubleNear(1.0 / 3, 1e-9)));
}

TEST(FloorOfDigits, ByHand) {
  const Digits digits = *Digits::Create(1);
  const std::vector<double> even(10, .1);
  FlooredDistribution condition(&digits, FloorLaw::kCondition), clamp(&digits, FloorLaw::kClamp);
  condition.Set(even, 4);
  EXPECT_EQ(condition.distribution().prices().size(), 6u);
  EXPECT_DOUBLE_EQ(condition.distribution().WinProbability(4), 1.0 / 6);
  EXPECT_DOUBLE_EQ(condition.LogDensityAt(4), std::log(1.0 / 6));
  EXPECT_DOUBLE_EQ(condition.LogDensityAt(9), std::log(1.0 / 6));
  clamp.Set(even, 4);
  EXPECT_DOUBLE_EQ(clamp.distribution().WinProbability(4), .5);
  EXPECT_DOUBLE_EQ(clamp.LogDensityAt(4), std::log(.5));
  EXPECT_DOUBLE_EQ(clamp.LogDensityAt(9), std::log(.1));
  condition.Set(even, 3.3);  // rounds to 3, which stands for it, too
  EXPECT_EQ(condition.distribution().prices().front(), 3.3);
  EXPECT_DOUBLE_EQ(condition.distribution().WinProbability(3.3), 1.0 / 7);
  condition.Set(even, 3.7);
  EXPECT_EQ(condition.distribution().prices().front(), 4);
  std::vector<double> zero(10);
  zero[0] = 1;
  condition.Set(zero, 4);  // is sure of 0, which cannot be
  EXPECT_THAT(condition.distribution().prices(), ElementsAre(4));
  EXPECT_EQ(condition.LogDensityAt(4), 0);
  EXPECT_DOUBLE_EQ(condition.LogDensityAt(7), std::log(1e-12));
}

// Against the definition, (F(b) - F(floor-)) / (1 - F(floor-)), and max(p, floor).
TEST(Floor, IsTheDefinition) {
  base::RandomStream random(5, base::StreamId("test.floor"), 0);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> prices(40);
    for (double& price : prices) price = 1 + static_cast<double>(random.Below(60));
    const Bins bins = *Bins::Fit(prices, 6, Bins::Edges::kQuantile);
    std::vector<double> tokens(static_cast<size_t>(bins.size())), atoms(bins.atoms().size());
    double sum = 0;
    for (double& p : tokens) sum += p = random.Uniform();
    for (double& p : tokens) p /= sum;
    bins.Spread(tokens, atoms);
    const Distribution whole(bins.support(), atoms);
    const double floor = prices[random.Below(prices.size())];  // an atom
    for (const FloorLaw law : {FloorLaw::kCondition, FloorLaw::kClamp}) {
      FlooredDistribution floored(&bins, law);
      floored.Set(atoms, floor);
      const Distribution d = floored.distribution();
      EXPECT_TRUE(Distribution::Check(d.prices(), d.probabilities()).ok());
      const double below = whole.ProbabilityBelow(floor);
      for (double bid = 0; bid < 62; bid += .5) {
        const double expected = bid < floor                   ? 0
                                : law == FloorLaw::kCondition ? (whole.WinProbability(bid) - below) / (1 - below)
                                                              : whole.WinProbability(bid);
        EXPECT_NEAR(d.WinProbability(bid), expected, 1e-9);
      }
      // The density integrates to 1: a step for each bin above the floor, the first one cut.
      double total = 0;
      for (int bin = bins.TokenOf(floor); bin < bins.size(); ++bin) {
        const double begin = std::max(floor, bins.edges()[bin]), end = bins.edges()[bin + 1];
        const bool degenerate = !(end > begin);  // at the last edge
        total += std::exp(floored.LogDensityAt((begin + end) / 2)) * (degenerate ? bins.width(bin) : end - begin);
      }
      EXPECT_NEAR(total, 1, 1e-9);
    }
  }
}

}  // namespace
}  // namespace vickrey::price
