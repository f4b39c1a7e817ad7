#include "tools/logged_policies.h"

#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"
#include "vickrey/metric/off_policy.h"
#include "vickrey/metric/off_policy_line.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::tools {
namespace {

// A candidate that was shown.
struct Shown {
  std::string ad_id;
  int slot = 0;
  bool clicked = false;
  double propensity = 0;
  std::string cluster_key;
};

// Calls `f` on each candidate of the log that was shown, of which the click is known and, where that is asked for, the
// propensity. At least one.
absl::Status ForEachShown(const LogRef& log, const char* flag, bool propensities,
                          const std::function<absl::Status(const Shown&)>& f) {
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(log.db, log.snapshot));
  ASSIGN_OR_RETURN(const auto scan, reader->NewScan({.young_clicks = false}));
  vickrey::v1::LoggedAuction record;
  int64_t found = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) break;
    for (int i = 0; i < record.candidates_size(); ++i) {
      const auto& logged = record.candidates(i);
      if (logged.slot() < 1 || !logged.has_click() || (propensities && !logged.has_propensity())) continue;
      ++found;
      RETURN_IF_ERROR(f({record.auction().candidates(i).ad_id(), logged.slot(), logged.click(), logged.propensity(),
                         record.auction().cluster_key()}));
    }
  }
  if (found > 0) return absl::OkStatus();
  return base::InvalidField(
      flag, absl::StrCat(log.db, " has no candidate that was shown", propensities ? " with a propensity" : "",
                         " and of which it is known whether it was clicked"));
}

}  // namespace

absl::StatusOr<vickrey::v1::OffPolicyLine> CompareLoggedPolicies(const LogRef& logged, const LogRef& target,
                                                                 double clip) {
  std::map<std::pair<int, std::string>, int64_t> shown;  // slot, ad
  std::map<int, int64_t> of_slot;
  int64_t decisions = 0;
  // The target in its own log: all weights are 1, whatever its propensities were, and no clip is for them.
  metric::OffPolicyAccumulator own;
  RETURN_IF_ERROR(ForEachShown(target, "--target-db", /*propensities=*/false, [&](const Shown& s) {
    ++shown[{s.slot, s.ad_id}];
    ++of_slot[s.slot];
    ++decisions;
    return own.Add(
        {.reward = s.clicked ? 1.0 : 0.0, .propensity = .5, .target_probability = .5, .cluster_key = s.cluster_key});
  }));
  metric::OffPolicyAccumulator other(clip);
  RETURN_IF_ERROR(ForEachShown(logged, "--db", /*propensities=*/true, [&](const Shown& s) {
    const auto count = shown.find({s.slot, s.ad_id});
    const double probability =
        count == shown.end() ? 0 : static_cast<double>(count->second) / static_cast<double>(of_slot.at(s.slot));
    return other.Add({.reward = s.clicked ? 1.0 : 0.0,
                      .propensity = s.propensity,
                      .target_probability = probability,
                      .cluster_key = s.cluster_key});
  }));
  const auto judged = other.Finalize();
  if (!judged.ok()) return base::AboutField(base::Annotate(judged.status(), logged.db), "--db");
  const metric::OffPolicyMetrics& found = *judged;
  ASSIGN_OR_RETURN(const metric::OffPolicyMetrics in_own, own.Finalize());
  vickrey::v1::OffPolicyLine line = metric::LineOf(found);
  metric::SetEstimate(in_own.ips, line.mutable_target_log());
  line.add_warnings(absl::StrFormat(
      "target probabilities are approximated by the frequencies of ads by slot in the target's log (%d decisions), "
      "whatever the context: where the target policy depends on it, or few decisions fell on an ad and slot, they are "
      "off, and no interval shows that",
      decisions));
  return line;
}

}  // namespace vickrey::tools
