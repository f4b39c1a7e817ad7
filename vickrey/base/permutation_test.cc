#include "vickrey/base/permutation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

std::vector<int64_t> OrderOf(int64_t size, uint64_t seed, uint64_t index) {
  const Permutation permutation(size, seed, StreamId("test"), index);
  std::vector<int64_t> order;
  for (int64_t i = 0; i < size; ++i) order.push_back(permutation(i));
  return order;
}

TEST(Permutation, HoldsEachNumberOnce) {
  for (int64_t size : {0, 1, 2, 3, 5, 8, 9, 100, 4096, 4097, 100'000}) {
    std::vector<int64_t> order = OrderOf(size, 1, 1), sorted(size);
    std::iota(sorted.begin(), sorted.end(), 0);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, sorted) << size;
  }
}

TEST(Permutation, IsAFunctionOfSeedAndIndex) {
  EXPECT_EQ(OrderOf(1000, 1, 1), OrderOf(1000, 1, 1));
  EXPECT_NE(OrderOf(1000, 1, 1), OrderOf(1000, 1, 2));
  EXPECT_NE(OrderOf(1000, 1, 1), OrderOf(1000, 2, 1));
}

TEST(Permutation, OfThreeIsEachOrderAboutEquallyOften) {
  std::map<std::vector<int64_t>, int> counts;
  constexpr int kDraws = 60'000;
  for (int i = 0; i < kDraws; ++i) ++counts[OrderOf(3, 7, i)];
  ASSERT_EQ(counts.size(), 6u);
  // 10,000 expected of each, with a deviation of 91.
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 10'000, 500);
}

// Neighbours are no more alike than chance: the correlation of place and number is within four deviations of 0, and so
// is that of successive numbers.
TEST(Permutation, LooksLikeChance) {
  constexpr int64_t kSize = 50'000;
  const std::vector<int64_t> order = OrderOf(kSize, 3, 5);
  const double mean = (kSize - 1) / 2.0, variance = (static_cast<double>(kSize) * kSize - 1) / 12;
  double place = 0, next = 0;
  for (int64_t i = 0; i < kSize; ++i) {
    place += (i - mean) * (order[i] - mean);
    next += (order[i] - mean) * (order[(i + 1) % kSize] - mean);
  }
  const double bound = 4 / std::sqrt(static_cast<double>(kSize));
  EXPECT_LT(std::abs(place / variance / kSize), bound);
  EXPECT_LT(std::abs(next / variance / kSize), bound);
}

}  // namespace
}  // namespace vickrey::base
