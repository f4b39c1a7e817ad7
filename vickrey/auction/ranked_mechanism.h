// The part that all mechanisms share: rank, place, and ask for the prices.
#ifndef VICKREY_AUCTION_RANKED_MECHANISM_H_
#define VICKREY_AUCTION_RANKED_MECHANISM_H_

#include <algorithm>
#include <string_view>
#include <vector>

#include "vickrey/auction/bidder.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/auction/one_slot.h"
#include "vickrey/auction/scan.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {

// A Mechanism whose price of slot k (from 0) is `Pricing()(mechanism, ranked, k)`, where `ranked` are the eligible
// bidders, best first, at least one more than are placed if there are so many. The price is per click, in micros, at
// most the bid of ranked[k], and a function of nothing else. Pricing::kIsCriticalBid: with one slot, it is CriticalBid.
template <typename Pricing>
class RankedMechanism final : public Mechanism {
 public:
  // REQUIRES: checked rules.
  explicit RankedMechanism(const Rules& rules) : Mechanism(rules) {}

  // The readable one: every step as the definition says it.
  absl::StatusOr<Outcome> Run(std::string_view auction_id, std::span<const Candidate> candidates) const override {
    RETURN_IF_ERROR(Validate(auction_id, candidates));
    std::vector<Bidder> ranked;
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      const double score = Score(c.bid_micros, c.pctr);
      if (IsEligible(reserve(), c.bid_micros, score)) {
        ranked.push_back({static_cast<int>(i), c.bid_micros, c.pctr, score});
      }
    }
    std::sort(ranked.begin(), ranked.end(), [](const Bidder& a, const Bidder& b) { return Beats(a, b); });
    Outcome outcome;
    for (const Bidder& bidder : ranked) outcome.ranking.push_back(bidder.index);
    for (size_t k = 0; k < position_multipliers().size() && k < ranked.size(); ++k) {
      outcome.placements.push_back({.slot = static_cast<int>(k) + 1,
                                    .index = ranked[k].index,
                                    .score = ranked[k].score,
                                    .price_micros = Pricing()(*this, ranked, k),
                                    .examination = position_multipliers()[k]});
    }
    return outcome;
  }

  absl::Status RunBatch(const Batch& batch, BatchOutcome* outcome) const override {
    RETURN_IF_ERROR(Validate(batch));
    const size_t slots = position_multipliers().size();
    outcome->winners.resize(batch.auctions() * slots);
    outcome->prices_micros.resize(batch.auctions() * slots);
    if constexpr (Pricing::kIsCriticalBid) {
      if (slots == 1 && LongestOf(batch) <= kShortAuction) {
        SettleOneSlot(batch, reserve(), outcome->winners.data(), outcome->prices_micros.data());
        return absl::OkStatus();
      }
    }
    const size_t most = slots + 1;  // a price depends on one bidder more than are placed
    const size_t at_a_time = std::max<size_t>(1, kAtATime / most);
    Scan scan(batch, reserve(), most);
    std::vector<Bidder> best(at_a_time * most);
    std::vector<int32_t> found(at_a_time);
    for (size_t from = 0; from < batch.auctions(); from += at_a_time) {
      const size_t to = std::min(batch.auctions(), from + at_a_time);
      scan.Best(from, to, best.data(), found.data());
      for (size_t a = from; a < to; ++a) {
        const Ranked ranked(best.data() + (a - from) * most, static_cast<size_t>(found[a - from]));
        int32_t* const winners = outcome->winners.data() + a * slots;
        int64_t* const prices = outcome->prices_micros.data() + a * slots;
        for (size_t k = 0; k < slots; ++k) {
          const bool sold = k < ranked.size();
          winners[k] = sold ? ranked[k].index : BatchOutcome::kUnsold;
          prices[k] = sold ? Pricing()(*this, ranked, k) : 0;
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kAtATime = 256;  // bidders that are kept between scanning and pricing: 8 KB
};

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_RANKED_MECHANISM_H_
