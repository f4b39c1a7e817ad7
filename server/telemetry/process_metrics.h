#ifndef SERVER_TELEMETRY_PROCESS_METRICS_H_
#define SERVER_TELEMETRY_PROCESS_METRICS_H_

#include <prometheus/metric_family.h>

#include <vector>

namespace vickrey::server {

// What Linux says of this process, under the names that Prometheus' own libraries use, and what the build is made of.
// What cannot be read is left out. Thread-safe.
void CollectProcess(std::vector<prometheus::MetricFamily>* families);

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_PROCESS_METRICS_H_
