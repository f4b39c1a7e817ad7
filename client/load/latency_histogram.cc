#include "client/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

namespace vickrey::client {
namespace {

// Times below 2 x kHalf have a bucket each. From there on bucket widths double: 2^e for times in [kHalf 2^e, 2 kHalf
// 2^e).
constexpr int kHalfBits = 10;
constexpr int64_t kHalf = int64_t{1} << kHalfBits;
constexpr double kMillisecond = 1e6;

size_t BucketOf(int64_t time) {
  if (time < 2 * kHalf) return static_cast<size_t>(time);
  const int e = static_cast<int>(std::bit_width(static_cast<uint64_t>(time))) - kHalfBits - 1;
  return static_cast<size_t>(kHalf * e + (time >> e));
}

struct Range {
  int64_t first, last;  // inclusive
};

Range RangeOf(size_t bucket) {
  const auto b = static_cast<int64_t>(bucket);
  if (b < 2 * kHalf) return {b, b};
  const int64_t e = b / kHalf - 1;
  const int64_t place = b - kHalf * e;
  return {place << e, ((place + 1) << e) - 1};
}

template <typename... Values>
void Print(std::string* text, const char* format, Values... values) {
  char line[160];
  std::snprintf(line, sizeof(line), format, values...);
  *text += line;
}

}  // namespace

void LatencyHistogram::Record(int64_t nanoseconds) {
  const int64_t time = std::clamp<int64_t>(nanoseconds, 0, kMost);
  const size_t bucket = BucketOf(time);
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  ++counts_[bucket];
  ++count_;
  max_ = std::max(max_, time);
  sum_ += static_cast<double>(time);
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (size_t b = 0; b < other.counts_.size(); ++b) counts_[b] += other.counts_[b];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double LatencyHistogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

int64_t LatencyHistogram::At(double quantile) const {
  const auto wanted = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(quantile * static_cast<double>(count_))));
  int64_t seen = 0;
  for (size_t b = 0; b < counts_.size(); ++b) {
    seen += counts_[b];
    if (seen >= wanted) return std::min(RangeOf(b).last, max_);
  }
  return max_;
}

std::string LatencyHistogram::Distribution() const {
  constexpr double kLinesPerHalf = 5;
  std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  double level = 0;  // percent, of the next line
  int64_t seen = 0;
  double squares = 0;
  for (size_t b = 0; b < counts_.size(); ++b) {
    if (counts_[b] == 0) continue;
    seen += counts_[b];
    const Range range = RangeOf(b);
    const double middle = static_cast<double>(range.first + range.last) / 2 - mean();
    squares += static_cast<double>(counts_[b]) * middle * middle;
    const double shown = static_cast<double>(std::min(range.last, max_)) / kMillisecond;
    while (100 * static_cast<double>(seen) / static_cast<double>(count_) >= level) {
      Print(&text, "%12.3f %2.12f %10lld %14.2f\n", shown, level / 100, static_cast<long long>(seen),
            1 / (1 - level / 100));
      level += 100 / (kLinesPerHalf * std::exp2(std::floor(std::log2(100 / (100 - level))) + 1));
      if (seen == count_) break;  // the last line is that of 100 %
    }
  }
  if (count_ > 0) {
    Print(&text, "%12.3f %2.12f %10lld\n", static_cast<double>(max_) / kMillisecond, 1.0,
          static_cast<long long>(count_));
  }
  const double deviation = count_ == 0 ? 0 : std::sqrt(squares / static_cast<double>(count_));
  Print(&text, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean() / kMillisecond, deviation / kMillisecond);
  Print(&text, "#[Max     = %12.3f, Total count    = %12lld]\n", static_cast<double>(max_) / kMillisecond,
        static_cast<long long>(count_));
  Print(&text, "#[Buckets = %12d, SubBuckets     = %12d]\n", static_cast<int>(BucketOf(kMost) / kHalf),
        static_cast<int>(2 * kHalf));
  return text;
}

}  // namespace vickrey::client
