// Random auctions for tests, and ways to ask for one's outcome.
#ifndef VICKREY_AUCTION_AUCTION_TESTING_H_
#define VICKREY_AUCTION_AUCTION_TESTING_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/base/random.h"

namespace vickrey::auction {

constexpr Reserve kNoReserve;
constexpr Reserve Click(int64_t micros) { return {Reserve::Kind::kClick, micros}; }
constexpr Reserve Mille(int64_t micros) { return {Reserve::Kind::kMille, micros}; }

// A slot's winner and the price of a click.
struct Sale {
  int index;
  int64_t price_micros;
  bool operator==(const Sale&) const = default;
};
inline void PrintTo(const Sale& sale, std::ostream* out) { *out << sale.index << " at " << sale.price_micros; }

inline std::vector<Sale> SalesOf(const Mechanism& mechanism, const std::vector<Candidate>& candidates) {
  const Outcome outcome = mechanism.Run("a", candidates).value();
  std::vector<Sale> sales;
  for (const Placement& p : outcome.placements) sales.push_back({p.index, p.price_micros});
  return sales;
}

inline std::vector<Sale> SalesOf(const Rules& rules, const std::vector<Candidate>& candidates) {
  return SalesOf(*MakeMechanism(rules).value(), candidates);
}

// Small bids and few probabilities make ties and equal prices common; the others are of any size up to `max_bid`.
inline std::vector<Candidate> RandomCandidates(base::RandomStream& random, int64_t max_bid = kMaxBidMicros) {
  const bool small = random.Bernoulli(0.5);
  std::vector<Candidate> candidates(1 + random.Below(8));
  for (Candidate& c : candidates) {
    c.bid_micros = small ? 1 + static_cast<int64_t>(random.Below(12))
                         : std::clamp<int64_t>(std::llround(random.LogNormal(14, 6)), 1, max_bid);
    c.pctr = small ? static_cast<double>(random.Below(5)) / 4 : std::pow(random.Uniform(), 4);
  }
  return candidates;
}

inline Reserve RandomReserve(base::RandomStream& random) {
  switch (random.Below(4)) {
    case 0:
      return Click(1 + static_cast<int64_t>(random.Below(12)));
    case 1:
      return Mille(1 + static_cast<int64_t>(random.Below(8000)));
    case 2:
      return Mille(std::clamp<int64_t>(std::llround(random.LogNormal(18, 4)), 1, kMaxMilleMicros));
    default:
      return kNoReserve;
  }
}

// Rules with up to four slots, of which multipliers may be equal.
inline Rules RandomRules(const std::string& mechanism, base::RandomStream& random) {
  Rules rules{.mechanism = mechanism, .reserve = RandomReserve(random)};
  if (mechanism == "second_price") return rules;
  rules.slots = 1 + static_cast<int>(random.Below(4));
  if (random.Bernoulli(0.2)) return rules;
  for (int k = 0; k < rules.slots; ++k) {
    rules.position_multipliers.push_back(
        k == 0 ? 1 : rules.position_multipliers.back() * (random.Bernoulli(0.2) ? 1 : random.Uniform()));
  }
  return rules;
}

// Calls check(rules, candidates, random) for n random auctions; stops at the first that fails.
template <typename F>
void ForRandomAuctions(const std::string& mechanism, int n, F check) {
  for (int i = 0; i < n; ++i) {
    base::RandomStream random(11, base::StreamId("auction_testing"), i);
    const auto candidates = RandomCandidates(random);
    const Rules rules = RandomRules(mechanism, random);
    SCOPED_TRACE(i);
    check(rules, candidates, random);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_AUCTION_TESTING_H_
