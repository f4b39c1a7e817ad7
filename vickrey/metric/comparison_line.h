#ifndef VICKREY_METRIC_COMPARISON_LINE_H_
#define VICKREY_METRIC_COMPARISON_LINE_H_

#include <string>

#include "vickrey/metric/paired.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::metric {

// A comparison as a line; `margin` is what its relative interval must reach to pass.
vickrey::v1::ComparisonLine LineOf(const Comparison& comparison, const std::string& metric, double margin);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_COMPARISON_LINE_H_
