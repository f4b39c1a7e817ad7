#include "vickrey/base/random.h"

#include <Random123/philox.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

using ::testing::ElementsAre;

std::array<uint64_t, 4> Philox(std::array<uint64_t, 4> counter, std::array<uint64_t, 2> key) {
  const auto block = r123::Philox4x64()({{counter[0], counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
  return {block.v[0], block.v[1], block.v[2], block.v[3]};
}

// Known answers of philox4x64-10, published with Random123 and checked against numpy.random.Philox.
TEST(Philox, KnownAnswers) {
  EXPECT_THAT(Philox({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b));
  constexpr uint64_t kOnes = ~uint64_t{0};
  EXPECT_THAT(Philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0));
  EXPECT_THAT(Philox({0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
                     {0x452821e638d01377, 0xbe5466cf34e90c6c}),
              ElementsAre(0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6));
}

// From numpy: Philox with key (7, 9) and counter (0, 5, 0, 0), then (1, 5, 0, 0). The layout of key and counter is what
// makes published results reproducible; this test holds it.
TEST(RandomStream, IsTheKeyedCounterSequence) {
  RandomStream stream(/*seed=*/7, /*stream=*/9, /*index=*/5);
  std::vector<uint64_t> bits(8);
  for (uint64_t& b : bits) b = stream.Bits();
  EXPECT_THAT(bits, ElementsAre(0x3948c41d43d5b4a1, 0x724c34263d5a2df6, 0xc31c17a16c228faa, 0xdafc9b3c8d36560e,
                                0x1e51a900f4b9503a, 0xc3e8b65aebfed79b, 0xb46bae695f06476a, 0x68e78cb57012dc41));
}

TEST(RandomStream, DiffersInSeedStreamAndIndex) {
  const uint64_t base = RandomStream(1, 2, 3).Bits();
  EXPECT_EQ(base, RandomStream(1, 2, 3).Bits());
  EXPECT_NE(base, RandomStream(2, 2, 3).Bits());
  EXPECT_NE(base, RandomStream(1, 3, 3).Bits());
  EXPECT_NE(base, RandomStream(1, 2, 4).Bits());
  EXPECT_NE(StreamId("market.bids"), StreamId("market.clicks"));
  // FNV-1a of "a" and "foobar", from its published test suite.
  static_assert(StreamId("a") == 0xaf63dc4c8601ec8c);
  static_assert(StreamId("foobar") == 0x85944171f73967e8);
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};

template <typename F>
Moments MomentsOf(int n, F draw) {
  std::vector<double> x(n);
  double sum = 0;
  for (double& v : x) sum += v = draw();
  Moments m;
  m.mean = sum / n;
  double s2 = 0, s3 = 0, s4 = 0;
  for (double v : x) {
    const double d = v - m.mean;
    s2 += d * d;
    s3 += d * d * d;
    s4 += d * d * d * d;
  }
  m.variance = s2 / n;
  m.skewness = s3 / n / std::pow(m.variance, 1.5);
  m.kurtosis = s4 / n / (m.variance * m.variance);
  return m;
}

constexpr int kDraws = 1'000'000;  // standard error of a mean: deviation / 1000; bounds below are about 5 of them

TEST(RandomStream, UniformMoments) {
  RandomStream stream(1, StreamId("test"), 0);
  double least = 1, most = 0;
  const Moments m = MomentsOf(kDraws, [&] {
    const double u = stream.Uniform();
    least = std::min(least, u);
    most = std::max(most, u);
    return u;
  });
  EXPECT_GT(least, 0);
  EXPECT_LT(most, 1);
  EXPECT_NEAR(m.mean, 0.5, 0.0015);
  EXPECT_NEAR(m.variance, 1.0 / 12, 0.0004);
  EXPECT_NEAR(m.kurtosis, 1.8, 0.01);
}

TEST(RandomStream, NormalMoments) {
  RandomStream stream(1, StreamId("test"), 0);
  const Moments m = MomentsOf(kDraws, [&] { return stream.Normal(); });
  EXPECT_NEAR(m.mean, 0, 0.005);
  EXPECT_NEAR(m.variance, 1, 0.008);
  EXPECT_NEAR(m.skewness, 0, 0.0125);
  EXPECT_NEAR(m.kurtosis, 3, 0.025);
}

// Consecutive normals come from one block of bits: they must not be correlated.
TEST(RandomStream, NormalPairsAreUncorrelated) {
  RandomStream stream(3, StreamId("test"), 0);
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double first = stream.Normal();
    sum += first * stream.Normal();
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.005);
}

TEST(RandomStream, LogNormalMoments) {
  RandomStream stream(1, StreamId("test"), 0);
  const Moments m = MomentsOf(kDraws, [&] { return stream.LogNormal(0.5, 0.25); });
  const double mean = std::exp(0.5 + 0.25 * 0.25 / 2);
  EXPECT_NEAR(m.mean, mean, 0.0025);
  EXPECT_NEAR(m.variance, (std::exp(0.25 * 0.25) - 1) * mean * mean, 0.004);
}

TEST(RandomStream, BernoulliFrequencyAndEnds) {
  RandomStream stream(1, StreamId("test"), 0);
  int hits = 0;
  for (int i = 0; i < kDraws; ++i) hits += stream.Bernoulli(0.05);
  EXPECT_NEAR(hits / double{kDraws}, 0.05, 0.0011);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(stream.Bernoulli(0));
    EXPECT_TRUE(stream.Bernoulli(1));
  }
}

TEST(RandomStream, BelowIsUniformAndInRange) {
  RandomStream stream(1, StreamId("test"), 0);
  std::array<int, 7> counts = {};
  for (int i = 0; i < 700'000; ++i) ++counts.at(stream.Below(7));
  for (int count : counts) EXPECT_NEAR(count, 100'000, 1500);
  EXPECT_EQ(stream.Below(1), 0u);
  // Two thirds of the range: without the rejection the first half would come up twice as often.
  constexpr uint64_t kTwoThirds = 0xaaaaaaaaaaaaaaaa;
  int low = 0;
  for (int i = 0; i < 100'000; ++i) low += stream.Below(kTwoThirds) < kTwoThirds / 2;
  EXPECT_NEAR(low, 50'000, 800);
}

// Kolmogorov and Smirnov: the greatest distance of the empirical distribution from the normal one, times sqrt(n), is
// above 1.95 once in a thousand samples. And how many are far out, where the ziggurat has its tail.
TEST(RandomStream, NormalsAreNormal) {
  RandomStream stream(1, StreamId("ziggurat"), 0);
  std::vector<double> x(kDraws);
  for (double& v : x) v = stream.Normal();
  std::sort(x.begin(), x.end());
  double distance = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double p = 0.5 * std::erfc(-x[i] / std::sqrt(2.0));
    distance = std::max({distance, std::abs(p - static_cast<double>(i) / kDraws), std::abs(p - (i + 1.0) / kDraws)});
  }
  EXPECT_LT(distance * std::sqrt(kDraws), 1.95);
  for (const double far : {2.0, 3.0, 3.6541528853610088, 4.0}) {
    const double expected = kDraws * std::erfc(far / std::sqrt(2.0));
    const auto beyond = std::count_if(x.begin(), x.end(), [&](double v) { return std::abs(v) > far; });
    EXPECT_NEAR(static_cast<double>(beyond), expected, 5 * std::sqrt(expected)) << far;
  }
}

// The layers are of one area, and the top one closes at 0: the published constants fit.
TEST(RandomStream, TheZigguratCloses) {
  const internal::Ziggurat& z = internal::kZiggurat;
  for (int i = 2; i < 256; ++i) {
    const double edge = z.width[i] * 0x1p54;
    EXPECT_NEAR(edge * (z.height[i - 1] - z.height[i]), 0.00492867323399, 1e-12) << i;
  }
  EXPECT_NEAR(z.width[1] * 0x1p54 * (1 - z.height[1]), 0.00492867323399, 1e-9);
}

}  // namespace
}  // namespace vickrey::base
