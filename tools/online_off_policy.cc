#include "tools/online_off_policy.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/log/value.h"
#include "vickrey/metric/off_policy_line.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::LoggedAuction;

bool IsDecision(const vickrey::v1::LoggedCandidate& logged) {
  return logged.slot() >= 1 && logged.has_click() && logged.has_propensity();
}

}  // namespace

absl::Status OnlineOffPolicy::Prepare(const auction::Rules& rules) {
  ASSIGN_OR_RETURN(mechanism_, auction::MakeMechanism(rules));
  return absl::OkStatus();
}

absl::Status OnlineOffPolicy::Add(const LoggedAuction& record) {
  const auto& auction = record.auction();
  bool has = false;
  for (const auto& logged : record.candidates()) has = has || IsDecision(logged);
  if (!has) return absl::OkStatus();
  std::array<std::vector<int>, 2> winners;
  const size_t slots = mechanism_->position_multipliers().size();
  for (size_t m = 0; m < models_.size(); ++m) {
    const auto outcome = decision::Decide(*models_[m], *mechanism_, auction, "");
    if (!outcome.ok()) {
      return base::Annotate(outcome.status(), absl::StrCat(models_[m]->ref(), ", auction ", auction.auction_id()));
    }
    winners[m].assign(slots, -1);
    for (const auto& placement : outcome->placements()) winners[m][placement.slot() - 1] = placement.index();
  }
  for (int i = 0; i < record.candidates_size(); ++i) {
    const auto& logged = record.candidates(i);
    if (!IsDecision(logged)) continue;
    const size_t k = slots == 1 ? 0 : static_cast<size_t>(logged.slot()) - 1;
    metric::LoggedDecision decision = {
        .reward = logged.click() ? static_cast<double>(log::ValueMicros(auction.candidates(i))) / base::kMicro : 0,
        .propensity = logged.propensity(),
        // Several decisions of an auction are not independent.
        .cluster_key = auction.cluster_key().empty() ? auction.auction_id() : auction.cluster_key()};
    std::array<metric::Ratio, 2> ratios;
    std::array<bool, 2> shows;
    for (size_t m = 0; m < models_.size(); ++m) {
      shows[m] = k < slots && winners[m][k] == i;
      decision.target_probability = shows[m] ? 1 : 0;
      RETURN_IF_ERROR(base::Annotate(sums_[m].Add(decision), absl::StrCat("auction ", auction.auction_id())));
      const double weight = decision.target_probability / decision.propensity;
      ratios[m] = {weight * decision.reward, weight};
    }
    pairs_.Add(decision.cluster_key, ratios[0], ratios[1]);
    ++decisions_;
    differences_ += logged.click() && shows[0] && !shows[1] ? 1 : 0;
  }
  return absl::OkStatus();
}

bool OnlineOffPolicy::IsOfOtherRules(const LoggedAuction& record) const {
  using Kind = auction::Reserve::Kind;
  const auction::Reserve& own = mechanism_->reserve();
  const auto& logged = record.reserve();
  bool same = logged.click_micros() == (own.kind == Kind::kClick ? own.micros : 0) &&
              logged.mille_micros() == (own.kind == Kind::kMille ? own.micros : 0);
  for (const auto& candidate : record.candidates()) {
    same = same && candidate.slot() <= static_cast<int>(mechanism_->position_multipliers().size());
  }
  return !same;
}

absl::Status OnlineOffPolicy::Write(vickrey::v1::OnlineLine* line) const {
  for (size_t m = 0; m < models_.size(); ++m) {
    ASSIGN_OR_RETURN(const metric::OffPolicyMetrics metrics, sums_[m].Finalize());
    *line->mutable_models(static_cast<int>(m))->mutable_off_policy() = metric::LineOf(metrics);
  }
  return absl::OkStatus();
}

}  // namespace vickrey::tools
