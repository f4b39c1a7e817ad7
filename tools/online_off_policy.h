// What either of two rankings would have earned, by the decisions of a log.
#ifndef TOOLS_ONLINE_OFF_POLICY_H_
#define TOOLS_ONLINE_OFF_POLICY_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/metric/off_policy.h"
#include "vickrey/metric/paired.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/online_lines.pb.h"

namespace vickrey::tools {

// Both rankings are estimated on the same decisions, in pairs. A decision is one shown candidate with a propensity of
// which it is known whether it was clicked. Not thread-safe.
class OnlineOffPolicy {
 public:
  // The models are not owned. Null: there is nothing to prepare or add.
  OnlineOffPolicy(const model::Model* a, const model::Model* b) : models_{a, b} {}

  // Before the first Add: the rules by which both rank. INVALID_ARGUMENT naming the rule that is wrong.
  absl::Status Prepare(const auction::Rules& rules);
  // INVALID_ARGUMENT naming the auction that a model cannot read, or whose propensity is none.
  absl::Status Add(const vickrey::v1::LoggedAuction& record);
  // Whether an auction had rules other than those of the two rankings.
  bool IsOfOtherRules(const vickrey::v1::LoggedAuction& record) const;

  int64_t decisions() const { return decisions_; }
  // Clicks on what the first would have shown and the second would not.
  int64_t differences() const { return differences_; }
  metric::Comparison Compare() const { return pairs_.ByDelta(); }
  // The estimate of each, into its model.
  absl::Status Write(vickrey::v1::OnlineLine* line) const;

 private:
  const std::array<const model::Model*, 2> models_;
  std::unique_ptr<auction::Mechanism> mechanism_;
  std::array<metric::OffPolicyAccumulator, 2> sums_;
  metric::PairedComparison pairs_{/*resampled=*/false};
  int64_t decisions_ = 0, differences_ = 0;
};

}  // namespace vickrey::tools

#endif  // TOOLS_ONLINE_OFF_POLICY_H_
