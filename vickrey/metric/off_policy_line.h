#ifndef VICKREY_METRIC_OFF_POLICY_LINE_H_
#define VICKREY_METRIC_OFF_POLICY_LINE_H_

#include "vickrey/metric/off_policy.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::metric {

vickrey::v1::OffPolicyLine LineOf(const OffPolicyMetrics& metrics);

// An estimate as a part of such a line.
void SetEstimate(const Estimate& estimate, vickrey::v1::OffPolicyLine::Estimate* line);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_OFF_POLICY_LINE_H_
