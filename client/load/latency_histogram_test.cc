#include "client/load/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::client {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<double> kQuantiles = {0, .001, .1, .5, .9, .99, .999, .9999, 1};

// The definition: the least of the times that at least that share of them does not exceed.
int64_t Exact(const std::vector<int64_t>& sorted, double quantile) {
  const auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

std::vector<int64_t> Times(uint64_t index, int count) {
  base::RandomStream random(1, base::StreamId("latency_histogram_test"), index);
  std::vector<int64_t> times(count);
  // From nanoseconds to hours.
  for (int64_t& time : times) time = static_cast<int64_t>(random.LogNormal(13, 4));
  return times;
}

TEST(LatencyHistogram, PercentilesAreWithinTheirError) {
  for (uint64_t round = 0; round < 20; ++round) {
    std::vector<int64_t> times = Times(round, 1 + static_cast<int>(round) * 997);
    LatencyHistogram histogram;
    double sum = 0;
    for (int64_t& time : times) {
      histogram.Record(time);
      time = std::min(time, LatencyHistogram::kMost);
      sum += static_cast<double>(time);
    }
    std::sort(times.begin(), times.end());
    for (const double quantile : kQuantiles) {
      const int64_t exact = Exact(times, quantile), found = histogram.At(quantile);
      EXPECT_GE(found, exact) << quantile;
      EXPECT_LE(static_cast<double>(found - exact), static_cast<double>(exact) / 1024) << quantile;
    }
    EXPECT_EQ(histogram.count(), static_cast<int64_t>(times.size()));
    EXPECT_EQ(histogram.max(), times.back());
    EXPECT_NEAR(histogram.mean(), sum / static_cast<double>(times.size()), 1e-9 * sum);
  }
}

TEST(LatencyHistogram, TheEndsOfEveryBucketStayInIt) {
  // A lone time is read back exactly, as it is the greatest; beside a greater one, as the end of its bucket.
  for (int bits = 0; bits < 43; ++bits) {
    for (const int64_t time : {int64_t{1} << bits, (int64_t{1} << bits) - 1, (int64_t{1} << bits) + 1}) {
      LatencyHistogram histogram;
      histogram.Record(time);
      EXPECT_EQ(histogram.At(1), time);
      histogram.Record(LatencyHistogram::kMost);
      EXPECT_GE(histogram.At(.5), time);
      EXPECT_LE(histogram.At(.5) - time, time / 1024);
    }
  }
}

TEST(LatencyHistogram, MergedIsAsIfRecordedInOne) {
  LatencyHistogram whole, merged;
  for (uint64_t part = 0; part < 4; ++part) {
    LatencyHistogram one;
    for (const int64_t time : Times(part, 500)) {
      whole.Record(time);
      one.Record(time);
    }
    merged.Merge(one);
  }
  for (const double quantile : kQuantiles) EXPECT_EQ(merged.At(quantile), whole.At(quantile));
  EXPECT_EQ(merged.count(), 2000);
  EXPECT_EQ(merged.max(), whole.max());
  EXPECT_DOUBLE_EQ(merged.mean(), whole.mean());
  EXPECT_EQ(merged.Distribution(), whole.Distribution());
}

TEST(LatencyHistogram, NothingIsNothing) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.At(.5), 0);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_THAT(histogram.Distribution(), HasSubstr("Total count    =            0]"));
}

TEST(LatencyHistogram, OutOfRangeCountsAsTheEnd) {
  LatencyHistogram histogram;
  histogram.Record(-5);
  EXPECT_EQ(histogram.max(), 0);
  histogram.Record(LatencyHistogram::kMost + 1);
  EXPECT_EQ(histogram.max(), LatencyHistogram::kMost);
}

// Worked out by hand from the definition in HdrHistogram's README: five levels to each halving.
TEST(LatencyHistogram, DistributionIsHdrHistograms) {
  LatencyHistogram histogram;
  for (int i = 0; i < 3; ++i) histogram.Record(1'000'000);
  histogram.Record(2'000'000);
  EXPECT_THAT(histogram.Distribution(), StartsWith("       Value     Percentile TotalCount 1/(1-Percentile)\n"
                                                   "\n"
                                                   "       1.000 0.000000000000          3           1.00\n"
                                                   "       1.000 0.100000000000          3           1.11\n"
                                                   "       1.000 0.200000000000          3           1.25\n"
                                                   "       1.000 0.300000000000          3           1.43\n"
                                                   "       1.000 0.400000000000          3           1.67\n"
                                                   "       1.000 0.500000000000          3           2.00\n"
                                                   "       1.000 0.550000000000          3           2.22\n"
                                                   "       1.000 0.600000000000          3           2.50\n"
                                                   "       1.000 0.650000000000          3           2.86\n"
                                                   "       1.000 0.700000000000          3           3.33\n"
                                                   "       1.000 0.750000000000          3           4.00\n"
                                                   "       2.000 0.775000000000          4           4.44\n"
                                                   "       2.000 1.000000000000          4\n"
                                                   "#[Mean    =        1.250, StdDeviation   =        0.433]\n"
                                                   "#[Max     =        2.000, Total count    =            4]\n"));
}

}  // namespace
}  // namespace vickrey::client
