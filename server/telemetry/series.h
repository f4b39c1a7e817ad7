// Numbers that many threads count without waiting for each other, and their form for Prometheus.
#ifndef SERVER_TELEMETRY_SERIES_H_
#define SERVER_TELEMETRY_SERIES_H_

#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace vickrey::server {

// How long something took, from 50 us to 10 s. Thread-safe; lock-free, which prometheus::Histogram is not.
class DurationHistogram {
 public:
  void Observe(absl::Duration took);
  prometheus::ClientMetric::Histogram Read() const;

 private:
  static constexpr std::array<int64_t, 17> kBounds = {  // nanoseconds, inclusive
      50'000,      100'000,       200'000,       500'000,       1'000'000,     2'000'000,
      5'000'000,   10'000'000,    20'000'000,    50'000'000,    100'000'000,   200'000'000,
      500'000'000, 1'000'000'000, 2'000'000'000, 5'000'000'000, 10'000'000'000};

  std::array<std::atomic<uint64_t>, kBounds.size() + 1> counts_ = {};
  std::atomic<int64_t> sum_ = 0;  // nanoseconds
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// A metric being collected. Names and help end up in the dashboards of others: a name, once given, stays.
class Family {
 public:
  Family(std::string name, prometheus::MetricType type, std::string help);

  // Of a counter or a gauge.
  Family& Add(const Labels& labels, double value);
  Family& Add(const Labels& labels, prometheus::ClientMetric::Histogram histogram);
  // The family, where it has any series.
  void MoveTo(std::vector<prometheus::MetricFamily>* families);

 private:
  prometheus::MetricFamily family_;
};

inline Family CounterFamily(std::string name, std::string help) {
  return Family(std::move(name), prometheus::MetricType::Counter, std::move(help));
}
inline Family GaugeFamily(std::string name, std::string help) {
  return Family(std::move(name), prometheus::MetricType::Gauge, std::move(help));
}
inline Family HistogramFamily(std::string name, std::string help) {
  return Family(std::move(name), prometheus::MetricType::Histogram, std::move(help));
}

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_SERIES_H_
