#include "server/telemetry/series.h"

#include <algorithm>
#include <limits>

namespace vickrey::server {

void DurationHistogram::Observe(absl::Duration took) {
  const int64_t nanoseconds = std::max<int64_t>(absl::ToInt64Nanoseconds(took), 0);  // a clock may be set back
  size_t bucket = 0;
  while (bucket < kBounds.size() && nanoseconds > kBounds[bucket]) ++bucket;
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(nanoseconds, std::memory_order_relaxed);
}

prometheus::ClientMetric::Histogram DurationHistogram::Read() const {
  prometheus::ClientMetric::Histogram histogram;
  // The count is the sum of the buckets that were read, so that they agree with each other under live calls.
  for (size_t i = 0; i < counts_.size(); ++i) {
    histogram.sample_count += counts_[i].load(std::memory_order_relaxed);
    histogram.bucket.push_back({.cumulative_count = histogram.sample_count,
                                .upper_bound = i < kBounds.size() ? static_cast<double>(kBounds[i]) / 1e9
                                                                  : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_sum = static_cast<double>(sum_.load(std::memory_order_relaxed)) * 1e-9;
  return histogram;
}

Family::Family(std::string name, prometheus::MetricType type, std::string help) {
  family_.name = std::move(name);
  family_.type = type;
  family_.help = std::move(help);
}

namespace {

prometheus::ClientMetric Labelled(const Labels& labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({.name = name, .value = value});
  return metric;
}

}  // namespace

Family& Family::Add(const Labels& labels, double value) {
  prometheus::ClientMetric metric = Labelled(labels);
  (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family_.metric.push_back(std::move(metric));
  return *this;
}

Family& Family::Add(const Labels& labels, prometheus::ClientMetric::Histogram histogram) {
  prometheus::ClientMetric metric = Labelled(labels);
  metric.histogram = std::move(histogram);
  family_.metric.push_back(std::move(metric));
  return *this;
}

void Family::MoveTo(std::vector<prometheus::MetricFamily>* families) {
  if (!family_.metric.empty()) families->push_back(std::move(family_));
}

}  // namespace vickrey::server
