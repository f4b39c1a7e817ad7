#ifndef TOOLS_LOGGED_POLICIES_H_
#define TOOLS_LOGGED_POLICIES_H_

#include <string>

#include "absl/status/statusor.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {

// A log, or a snapshot of it.
struct LogRef {
  std::string db, snapshot;  // no snapshot: the log as it is
};

// Judges the policy that one log was made by, by the decisions in another: its click rate per candidate shown. What it
// would do is not known of an auction that it did not decide, so that its probabilities are approximated by how often
// each ad was shown in each slot of its own log, whatever the context. `target_log` of the answer is the click rate in
// the target's own log, to compare with.
//
// A clip is for the weights of decisions in the other log; the target's own average has none.
//
// INVALID_ARGUMENT naming the flag of a log without candidates that were shown and of which the click is known; the log
// that decisions are taken from must have their propensities, too, and not all 1.
absl::StatusOr<vickrey::v1::OffPolicyLine> CompareLoggedPolicies(const LogRef& logged, const LogRef& target,
                                                                 double clip);

}  // namespace vickrey::tools

#endif  // TOOLS_LOGGED_POLICIES_H_
