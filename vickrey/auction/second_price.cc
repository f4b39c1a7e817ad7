#include "vickrey/auction/second_price.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

// The least bid with which `winner` keeps the slot, by `keeps`, which is false up to some bid and true from there on to
// the winner's own. The guess is off by rounding only, so the loops take a step or two.
template <typename Keeps>
int64_t LeastBid(const Candidate& winner, double score_to_reach, Keeps keeps) {
  const double guess = std::ceil(score_to_reach / winner.pctr);
  int64_t bid = guess >= static_cast<double>(winner.bid_micros) ? winner.bid_micros
                                                                : std::max(kMinBidMicros, static_cast<int64_t>(guess));
  while (bid > kMinBidMicros && keeps(bid - 1)) --bid;
  while (bid < winner.bid_micros && !keeps(bid)) ++bid;
  return bid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mechanism>> SecondPrice::Create(const Rules& rules) {
  if (rules.slots != 1) {
    return base::InvalidField("slots",
                              absl::StrCat(rules.slots, " is not possible with second_price, which has 1 slot"));
  }
  for (const double multiplier : rules.position_multipliers) {
    if (rules.position_multipliers.size() > 1 || multiplier != 1) {
      return base::InvalidField("position_multipliers", "second_price has one slot, whose multiplier is 1");
    }
  }
  RETURN_IF_ERROR(rules.reserve.Validate());
  return std::unique_ptr<Mechanism>(new SecondPrice(rules.reserve));
}

absl::StatusOr<Outcome> SecondPrice::Run(std::string_view auction_id, std::span<const Candidate> candidates) const {
  RETURN_IF_ERROR(Validate(auction_id, candidates));
  std::vector<double> scores(candidates.size());
  Outcome outcome;
  for (size_t i = 0; i < candidates.size(); ++i) {
    scores[i] = Score(candidates[i].bid_micros, candidates[i].pctr);
    if (IsEligible(reserve_, candidates[i].bid_micros, scores[i])) outcome.ranking.push_back(static_cast<int>(i));
  }
  std::sort(outcome.ranking.begin(), outcome.ranking.end(),
            [&](int a, int b) { return Beats(scores[a], a, scores[b], b); });
  if (outcome.ranking.empty()) return outcome;

  const int winner = outcome.ranking.front();
  const Candidate& candidate = candidates[winner];
  const bool has_next = outcome.ranking.size() > 1;
  const int next = has_next ? outcome.ranking[1] : -1;
  const double mille_score = reserve_.kind == Reserve::Kind::kMille ? static_cast<double>(reserve_.micros) / 1000 : 0;

  int64_t price = 0;
  if (has_next || mille_score > 0) {
    price = LeastBid(candidate, std::max(has_next ? scores[next] : 0, mille_score), [&](int64_t bid) {
      const double score = Score(bid, candidate.pctr);
      return score >= mille_score && (!has_next || Beats(score, winner, scores[next], next));
    });
  }
  if (reserve_.kind == Reserve::Kind::kClick) price = std::max(price, reserve_.micros);
  outcome.placements.push_back({.slot = 1, .index = winner, .score = scores[winner], .price_micros = price});
  return outcome;
}

}  // namespace vickrey::auction
