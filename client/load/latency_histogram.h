#ifndef CLIENT_LOAD_LATENCY_HISTOGRAM_H_
#define CLIENT_LOAD_LATENCY_HISTOGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

namespace vickrey::client {

// Counts times in the log-linear layout of HdrHistogram: each doubling has 1,024 equal buckets, so that whatever is
// read back is at most 1/1,024 above what was recorded, at any scale and in constant memory (some 300 kB at most).
//
// Not thread-safe: one for each thread, merged at the end.
class LatencyHistogram {
 public:
  static constexpr int64_t kMost = (int64_t{1} << 43) - 1;  // nanoseconds: 2.4 hours. What is longer counts as this

  // Negative times count as 0.
  void Record(int64_t nanoseconds);
  void Merge(const LatencyHistogram& other);

  int64_t count() const { return count_; }
  int64_t max() const { return max_; }  // exact; 0 where nothing was recorded
  double mean() const;                  // exact; 0 where nothing was recorded

  // The least time of a bucket's end that at least `quantile` of all times do not exceed, never above max(): at least
  // the exact one, and less than 1/1,024 above it. 0 where nothing was recorded. REQUIRES: 0 <= quantile <= 1.
  int64_t At(double quantile) const;

  // The percentile distribution in milliseconds as HdrHistogram's tools print and plot it (.hgrm), five lines for each
  // halving of what is left.
  std::string Distribution() const;

 private:
  std::vector<int64_t> counts_;  // by bucket, up to the last one in use
  int64_t count_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace vickrey::client

#endif  // CLIENT_LOAD_LATENCY_HISTOGRAM_H_
