#include "vickrey/price/choose.h"

#include <vector>

#include "gtest/gtest.h"

namespace vickrey::price {
namespace {

TEST(BestThreshold, ByHand) {
  // From the top: 3 yields 5, 2 loses 1, 1 yields 4 (8 in all), 0 loses 9.
  EXPECT_EQ(BestThreshold(std::vector<double>{1, 3, 0, 2}, std::vector<double>{4, 5, -9, -1}), .5);
  EXPECT_EQ(BestThreshold(std::vector<double>{1, 3}, std::vector<double>{-4, 5}), 2);
  EXPECT_EQ(BestThreshold(std::vector<double>{1, 3}, std::vector<double>{-4, -5}), 3);  // nothing is above it
  const double all = BestThreshold(std::vector<double>{1, 3}, std::vector<double>{4, 5});
  EXPECT_LT(all, 1);
  EXPECT_GT(all, .999);
  // Equal forecasts are bought together: 5 - 6 is no gain.
  EXPECT_EQ(BestThreshold(std::vector<double>{2, 2, 1}, std::vector<double>{5, -6, 0}), 2);
}

TEST(BestShare, ByHand) {
  const std::vector<double> two = {100, 100}, none = {0, 0};
  // Worth 100 against 30 and 70: a share of .3 wins the first for 30, .7 both for 70 each: 70 against 60.
  EXPECT_EQ(BestShare(two, std::vector<double>{30, 70}, none, 0), .3);
  // Against 30 and 40: .3 earns 70, .4 earns 120.
  EXPECT_EQ(BestShare(two, std::vector<double>{30, 40}, none, 0), .4);
  // A fee of 20 leaves 80 of 100: .5 of it is 40.
  EXPECT_EQ(BestShare(two, std::vector<double>{30, 40}, none, 20), .5);
  EXPECT_EQ(BestShare(std::vector<double>{10}, std::vector<double>{30}, std::vector<double>{0}, 0), .02);  // none won
}

TEST(BestShare, BidsAtLeastTheFloor) {
  const std::vector<double> two = {100, 100};
  // Against 30 and 70, which is a floor, all but a share of .3 wins the second for 70 or more: .3 earns 70 + 30, .7 60.
  EXPECT_EQ(BestShare(two, std::vector<double>{30, 70}, std::vector<double>{0, 70}, 0), .3);
  // With a fee of 40 the second's floor is above what it is worth: .5 of 60 wins the first for 30.
  EXPECT_EQ(BestShare(two, std::vector<double>{30, 70}, std::vector<double>{0, 70}, 40), .5);
}

}  // namespace
}  // namespace vickrey::price
