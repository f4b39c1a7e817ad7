#include "vickrey/decision/explore.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"

namespace vickrey::decision {

using vickrey::v1::Auction;
using vickrey::v1::Outcome;

absl::Status Explore(double share, const auction::Mechanism& mechanism, const Auction& auction, Outcome* outcome) {
  const int sold = outcome->placements_size();
  if (share <= 0 || sold == 0) return absl::OkStatus();
  base::RandomStream random(features::Fingerprint("exploration", auction.auction_id()),
                            base::StreamId("decision.exploration"), 0);
  outcome->set_explored(random.Bernoulli(share));
  std::vector<int> drawn(outcome->ranking().begin(), outcome->ranking().end());
  const auto eligible = static_cast<double>(drawn.size());
  for (int k = 0; k < sold; ++k) {
    auto& placement = *outcome->mutable_placements(k);
    if (outcome->explored()) {
      std::swap(drawn[k], drawn[k + random.Below(drawn.size() - k)]);
      const int index = drawn[k];
      const auction::Candidate alone = {auction.candidates(index).bid().micros(), outcome->pctr(index)};
      ASSIGN_OR_RETURN(const auction::Outcome lone, mechanism.Run(auction.auction_id(), std::array{alone}));
      placement.set_index(index);
      placement.set_ad_id(auction.candidates(index).ad_id());
      placement.set_score(auction::Score(alone.bid_micros, alone.pctr));
      placement.set_price_micros(lone.placements.at(0).price_micros);
    }
    const double ranked = placement.index() == outcome->ranking(k) ? 1 - share : 0;
    outcome->add_propensities(std::min(1.0, ranked + share / eligible));
  }
  return absl::OkStatus();
}

}  // namespace vickrey::decision
