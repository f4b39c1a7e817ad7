// The battery: what holds for every mechanism, on random auctions.
#include "vickrey/auction/mechanism.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/auction/auction_testing.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

using ::testing::HasSubstr;
using vickrey::base::RandomStream;

class Battery : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Every, Battery, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const std::string_view name : MechanismNames()) names.emplace_back(name);
                           return names;
                         }()),
                         [](const auto& info) { return info.param; });

bool HasTies(const std::vector<Candidate>& candidates) {
  std::vector<double> scores;
  for (const Candidate& c : candidates) scores.push_back(Score(c.bid_micros, c.pctr));
  std::sort(scores.begin(), scores.end());
  return std::adjacent_find(scores.begin(), scores.end()) != scores.end();
}

// The slot that a candidate got, from 0; nothing where none.
std::optional<size_t> SlotOf(const std::vector<Sale>& sales, int index) {
  for (size_t k = 0; k < sales.size(); ++k) {
    if (sales[k].index == index) return k;
  }
  return std::nullopt;
}

// Every step as an exhaustive search: who is before whom, by comparing all pairs.
std::vector<int> RankingByDefinition(const std::vector<Candidate>& candidates, const Reserve& reserve) {
  const auto score = [&](size_t i) { return Score(candidates[i].bid_micros, candidates[i].pctr); };
  const auto eligible = [&](size_t i) {
    if (reserve.kind == Reserve::Kind::kClick && candidates[i].bid_micros < reserve.micros) return false;
    if (reserve.kind == Reserve::Kind::kMille && score(i) < static_cast<double>(reserve.micros) / 1000) return false;
    return score(i) > 0;
  };
  std::vector<int> ranking(candidates.size(), -1);
  size_t placed = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!eligible(i)) continue;
    size_t before = 0;
    for (size_t j = 0; j < candidates.size(); ++j) {
      before += eligible(j) && j != i && (score(j) > score(i) || (score(j) == score(i) && j < i));
    }
    ranking[before] = static_cast<int>(i);
    ++placed;
  }
  ranking.resize(placed);
  return ranking;
}

// The least bid with which candidate `ranking[k]` still has rank k or better, by bisection; 0 where it is the last that
// is eligible and there is no reserve.
int64_t CriticalBidByBisection(std::vector<Candidate> candidates, const Reserve& reserve, size_t k) {
  const std::vector<int> ranking = RankingByDefinition(candidates, reserve);
  if (k + 1 == ranking.size() && reserve.kind == Reserve::Kind::kNone) return 0;
  Candidate& own = candidates[ranking[k]];
  int64_t loses = 0, keeps = own.bid_micros;
  while (keeps - loses > 1) {
    own.bid_micros = loses + (keeps - loses) / 2;
    const std::vector<int> now = RankingByDefinition(candidates, reserve);
    const auto at = std::find(now.begin(), now.end(), ranking[k]);
    const bool held = at != now.end() && at - now.begin() <= static_cast<std::ptrdiff_t>(k);
    (held ? keeps : loses) = own.bid_micros;
  }
  return keeps;
}

// What the presence of candidate `ranking[k]` costs the others, and the seller who would keep a slot at the reserve, a
// click: slot by slot, what it is worth to them without the candidate less what it is worth with it.
long double Externality(const Rules& rules, const std::vector<Candidate>& candidates, const std::vector<int>& ranking,
                        size_t k) {
  const Candidate& own = candidates[ranking[k]];
  const long double floor = rules.reserve.kind == Reserve::Kind::kClick
                                ? static_cast<long double>(rules.reserve.micros) * own.pctr
                            : rules.reserve.kind == Reserve::Kind::kMille
                                ? static_cast<long double>(static_cast<double>(rules.reserve.micros) / 1000)
                                : 0.0L;
  const auto x = [&](size_t j) {
    return rules.position_multipliers.empty() ? 1.0L : static_cast<long double>(rules.position_multipliers[j]);
  };
  const auto worth = [&](const std::vector<int>& order, size_t j) {
    const long double score = j < order.size() ? Score(candidates[order[j]].bid_micros, candidates[order[j]].pctr) : 0;
    return x(j) * std::max(score, floor);
  };
  std::vector<int> without = ranking;
  without.erase(without.begin() + static_cast<std::ptrdiff_t>(k));
  long double sum = 0;
  for (size_t j = 0; j < static_cast<size_t>(rules.slots); ++j) {
    sum += worth(without, j) - (j == k ? 0 : worth(ranking, j));
  }
  return sum / (x(k) * own.pctr);
}

TEST_P(Battery, AgreesWithASlowReference) {
  ForRandomAuctions(GetParam(), 20'000, [](const Rules& rules, const auto& candidates, RandomStream&) {
    const Outcome outcome = MakeMechanism(rules).value()->Run("a", candidates).value();
    const std::vector<int> ranking = RankingByDefinition(candidates, rules.reserve);
    ASSERT_EQ(outcome.ranking, ranking);
    ASSERT_EQ(outcome.placements.size(), std::min<size_t>(rules.slots, ranking.size()));
    for (size_t k = 0; k < outcome.placements.size(); ++k) {
      const Placement& p = outcome.placements[k];
      EXPECT_EQ(p.slot, k + 1);
      EXPECT_EQ(p.index, ranking[k]);
      EXPECT_EQ(p.score, Score(candidates[p.index].bid_micros, candidates[p.index].pctr));
      EXPECT_EQ(p.examination, rules.position_multipliers.empty() ? 1 : rules.position_multipliers[k]);
      if (rules.mechanism == "first_price") {
        EXPECT_EQ(p.price_micros, candidates[p.index].bid_micros);
      } else if (rules.mechanism == "vcg") {
        const long double exact = Externality(rules, candidates, ranking, k);
        // In double, the price may be on the other side of a whole number that the exact one is this close to; and so
        // may the reference, whose terms are as great as the bid and cancel.
        const long double close =
            exact * 0x1p-48L + static_cast<long double>(candidates[p.index].bid_micros) * 0x1p-60L;
        EXPECT_GE(static_cast<long double>(p.price_micros), std::ceil(exact - close));
        EXPECT_LE(static_cast<long double>(p.price_micros), std::ceil(exact + close));
      } else {
        EXPECT_EQ(p.price_micros, CriticalBidByBisection(candidates, rules.reserve, k));
      }
    }
  });
}

TEST_P(Battery, ThePriceIsNeverAboveTheBidNorBelowTheReserve) {
  ForRandomAuctions(GetParam(), 20'000, [](const Rules& rules, const auto& candidates, RandomStream&) {
    for (const Sale& sale : SalesOf(rules, candidates)) {
      const Candidate& winner = candidates[sale.index];
      EXPECT_LE(sale.price_micros, winner.bid_micros);
      EXPECT_GE(sale.price_micros, rules.reserve.kind == Reserve::Kind::kClick ? rules.reserve.micros : 0);
      if (rules.reserve.kind == Reserve::Kind::kMille) {
        const double floor = static_cast<double>(rules.reserve.micros) / 1000;
        EXPECT_GE(Score(sale.price_micros, winner.pctr), floor * (1 - 0x1p-45));
      }
    }
  });
}

TEST_P(Battery, OrderDoesNotMatterWithoutTies) {
  ForRandomAuctions(GetParam(), 20'000, [](const Rules& rules, const auto& candidates, RandomStream& random) {
    if (HasTies(candidates)) return;
    std::vector<int> order(candidates.size());
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    std::vector<Candidate> permuted;
    for (const int i : order) permuted.push_back(candidates[i]);
    const auto sales = SalesOf(rules, candidates), again = SalesOf(rules, permuted);
    ASSERT_EQ(sales.size(), again.size());
    for (size_t k = 0; k < sales.size(); ++k) {
      EXPECT_EQ(order[again[k].index], sales[k].index);
      // A critical bid may differ by the micro that decides a tie between it and the next score.
      EXPECT_LE(std::abs(again[k].price_micros - sales[k].price_micros),
                rules.mechanism == "second_price" || rules.mechanism == "gsp" ? 1 : 0);
    }
  });
}

TEST_P(Battery, AScaleCommonToAllProbabilitiesChangesNoPrice) {
  ForRandomAuctions(GetParam(), 20'000, [](Rules rules, auto candidates, RandomStream& random) {
    rules.reserve = kNoReserve;
    const auto sales = SalesOf(rules, candidates);
    const auto scaled = [&](double factor) {
      auto copy = candidates;
      for (Candidate& c : copy) c.pctr *= factor;
      return SalesOf(rules, copy);
    };
    EXPECT_EQ(scaled(std::ldexp(1, -static_cast<int>(random.Below(200)))), sales);
    // Any other factor rounds scores, which may make or part a tie, and above some 10^14 micros more than a micro.
    for (Candidate& c : candidates) c.bid_micros = std::min<int64_t>(c.bid_micros, 100'000'000'000'000);
    if (HasTies(candidates)) return;
    const auto before = SalesOf(rules, candidates), after = scaled(0.05 + 0.95 * random.Uniform());
    ASSERT_EQ(before.size(), after.size());
    for (size_t k = 0; k < before.size(); ++k) {
      if (before[k].index != after[k].index) return;  // the factor made a tie
      EXPECT_LE(std::abs(before[k].price_micros - after[k].price_micros), 1) << "slot " << k + 1;
    }
  });
}

TEST_P(Battery, RaisingABidNeverWorsensItsSlot) {
  ForRandomAuctions(GetParam(), 20'000, [](const Rules& rules, auto candidates, RandomStream& random) {
    const int i = static_cast<int>(random.Below(candidates.size()));
    const auto before = SlotOf(SalesOf(rules, candidates), i);
    int64_t& bid = candidates[i].bid_micros;
    bid = std::min<int64_t>(kMaxBidMicros,
                            random.Bernoulli(0.5) ? bid + 1 : bid * (1 + static_cast<int64_t>(random.Below(4))));
    const auto after = SlotOf(SalesOf(rules, candidates), i);
    if (before.has_value()) {
      ASSERT_TRUE(after.has_value());
      EXPECT_LE(*after, *before);
    }
  });
}

// Auctions of no, few, several and thousands of candidates, as flat arrays too.
struct RandomBatch {
  RandomBatch(RandomStream& random, bool only_short) : auctions(random.Below(60)) {
    for (auto& candidates : auctions) {
      const uint64_t kind = random.Below(12);
      if (kind > 0) candidates = RandomCandidates(random);
      const size_t size = kind == 1 && !only_short ? 3000 : kind < 4 ? random.Below(33) : 0;
      while (!candidates.empty() && candidates.size() < size) {
        candidates.push_back(candidates[random.Below(candidates.size())]);
      }
      for (const Candidate& c : candidates) {
        bids.push_back(c.bid_micros);
        pctrs.push_back(c.pctr);
      }
      offsets.push_back(static_cast<int64_t>(bids.size()));
    }
  }
  std::vector<std::vector<Candidate>> auctions;
  std::vector<int64_t> bids, offsets = {0};
  std::vector<double> pctrs;
};

// One auction at a time and all in a batch, with the same results.
TEST_P(Battery, ABatchDecidesAlike) {
  for (int round = 0; round < 300; ++round) {
    RandomStream random(12, base::StreamId("mechanism_test.batch"), round);
    const Rules rules = RandomRules(GetParam(), random);
    const auto mechanism = MakeMechanism(rules).value();
    const RandomBatch in(random, /*only_short=*/round % 2 == 0);
    base::ForEachInstructionSet([&] {
      BatchOutcome batch;
      ASSERT_TRUE(mechanism->RunBatch({in.bids, in.pctrs, in.offsets}, &batch).ok());
      ASSERT_EQ(batch.winners.size(), in.auctions.size() * rules.slots);
      ASSERT_EQ(batch.prices_micros.size(), batch.winners.size());
      for (size_t a = 0; a < in.auctions.size(); ++a) {
        std::vector<Sale> expected = SalesOf(*mechanism, in.auctions[a]);
        expected.resize(rules.slots, Sale{BatchOutcome::kUnsold, 0});
        for (int k = 0; k < rules.slots; ++k) {
          EXPECT_EQ((Sale{batch.winners[a * rules.slots + k], batch.prices_micros[a * rules.slots + k]}), expected[k])
              << "round " << round << ", auction " << a << ", slot " << k + 1;
        }
      }
    });
    if (HasFailure()) return;
  }
}

TEST_P(Battery, ABadAuctionLeavesTheBatchUntouched) {
  const auto mechanism = MakeMechanism({.mechanism = GetParam()}).value();
  const std::vector<int64_t> good_bids = {5, 6, 7, 8}, offsets = {0, 2, 4};
  const std::vector<double> good_pctrs = {0.5, 0.25, 1, -0.0};
  const auto error = [&](const std::vector<int64_t>& bids, const std::vector<double>& pctrs,
                         const std::vector<int64_t>& at) {
    BatchOutcome outcome{.winners = {42}, .prices_micros = {43, 44}};
    const absl::Status status = mechanism->RunBatch({bids, pctrs, at}, &outcome);
    if (!status.ok()) {
      EXPECT_EQ(outcome.winners, std::vector<int32_t>{42});
      EXPECT_EQ(outcome.prices_micros, (std::vector<int64_t>{43, 44}));
    }
    return base::FieldOf(status).value_or("none");
  };
  EXPECT_EQ(error(good_bids, good_pctrs, offsets), "none");
  EXPECT_EQ(error({}, {}, {0}), "none");
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad :
       {kNan, -kNan, -1.0, std::nextafter(1.0, 2.0), -5e-324, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(error(good_bids, {0.5, 0.25, 1, bad}, offsets), "auctions[1].candidates[1].pctr") << bad;
  }
  for (const int64_t bad : {int64_t{0}, int64_t{-1}, kMaxBidMicros + 1, std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(error({5, 6, bad, 8}, good_pctrs, offsets), "auctions[1].candidates[0].bid_micros") << bad;
  }
  EXPECT_EQ(error(good_bids, {0.5}, offsets), "pctrs");
  EXPECT_EQ(error(good_bids, good_pctrs, {}), "offsets");
  EXPECT_EQ(error(good_bids, good_pctrs, {0, 2, 3}), "offsets");
  EXPECT_EQ(error(good_bids, good_pctrs, {1, 2, 4}), "offsets");
  EXPECT_EQ(error(good_bids, good_pctrs, {0, 3, 2, 4}), "offsets[2]");
}

// Utility of a bid, in micros per impression: examination x pCTR x (value - price).
double Utility(const Mechanism& mechanism, std::vector<Candidate> candidates, int i, int64_t value, int64_t bid) {
  candidates[i].bid_micros = bid;
  const auto sales = SalesOf(mechanism, candidates);
  const auto slot = SlotOf(sales, i);
  if (!slot.has_value()) return 0;
  return mechanism.position_multipliers()[*slot] * candidates[i].pctr *
         static_cast<double>(value - sales[*slot].price_micros);
}

class Truthful : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Every, Truthful, testing::Values("second_price", "vcg"),
                         [](const auto& info) { return info.param; });

TEST_P(Truthful, AnOwnBidDoesNotMoveTheOwnPriceWithinASlot) {
  ForRandomAuctions(GetParam(), 5'000, [](const Rules& rules, auto candidates, RandomStream& random) {
    const auto mechanism = MakeMechanism(rules).value();
    const auto sales = SalesOf(*mechanism, candidates);
    if (sales.empty()) return;
    const size_t k = random.Below(sales.size());
    const int i = sales[k].index;
    const int64_t bid = candidates[i].bid_micros;
    for (const double factor : {0.01, 0.3, 0.9, 0.999, 1.001, 1.1, 3.0, 100.0}) {
      candidates[i].bid_micros = std::clamp<int64_t>(std::llround(static_cast<double>(bid) * factor), 1, kMaxBidMicros);
      const auto now = SalesOf(*mechanism, candidates);
      if (SlotOf(now, i) != k) continue;
      EXPECT_EQ(now[k].price_micros, sales[k].price_micros) << candidates[i].bid_micros;
    }
  });
}

// By brute force over a grid of bids: no other bid gives an advertiser more than its value does, but for the part of a
// micro that VCG's prices are rounded up by.
TEST_P(Truthful, BiddingOnesValueIsABestResponse) {
  ForRandomAuctions(GetParam(), 3'000, [](const Rules& rules, const auto& candidates, RandomStream& random) {
    const auto mechanism = MakeMechanism(rules).value();
    const int i = static_cast<int>(random.Below(candidates.size()));
    const int64_t value = candidates[i].bid_micros;
    const double truthful = Utility(*mechanism, candidates, i, value, value);
    EXPECT_GE(truthful, 0);
    const double rounding = rules.mechanism == "vcg" ? candidates[i].pctr : truthful * 1e-15;
    const auto check = [&](int64_t bid) {
      bid = std::clamp<int64_t>(bid, 1, kMaxBidMicros);
      EXPECT_LE(Utility(*mechanism, candidates, i, value, bid), truthful + rounding) << bid << " instead of " << value;
    };
    for (int64_t bid = 1; bid <= 15; ++bid) check(bid);
    for (const double factor : {0.1, 0.5, 0.9, 0.999, 1.001, 1.1, 2.0, 10.0}) {
      check(std::llround(static_cast<double>(value) * factor));
    }
    for (const Candidate& other : candidates) {  // just below and above what beats another one
      if (candidates[i].pctr == 0) continue;
      const double ties = Score(other.bid_micros, other.pctr) / candidates[i].pctr;
      if (!(ties < 1e15)) continue;
      for (const int64_t step : {-1, 0, 1}) check(static_cast<int64_t>(ties) + step);
    }
  });
}

// Edelman, Ostrovsky, Schwarz 2007, section II: slots with 200 and 199 clicks an hour, values of 10, 4 and 2 dollars.
// Bidding its value, the first pays 4 a click; bidding 3 it takes the second slot for 2, and has nearly as many clicks.
TEST(Gsp, BiddingOnesValueIsNoBestResponse) {
  const auto mechanism =
      MakeMechanism({.mechanism = "gsp", .slots = 2, .position_multipliers = {1, 199. / 200}}).value();
  const std::vector<Candidate> candidates = {{10'000'000, 0.1}, {4'000'000, 0.1}, {2'000'000, 0.1}};
  const double truthful = Utility(*mechanism, candidates, 0, 10'000'000, 10'000'000);
  const double shaded = Utility(*mechanism, candidates, 0, 10'000'000, 3'000'000);
  EXPECT_NEAR(truthful * 200 / 1e6 / 0.1, 200 * (10 - 4), 1e-3);
  EXPECT_NEAR(shaded * 200 / 1e6 / 0.1, 199 * (10 - 2), 1e-3);
  EXPECT_GT(shaded, truthful);
}

// Vickrey 1961: who pays its bid gains by bidding less, as long as it still wins.
TEST(FirstPrice, BiddingOnesValueIsNoBestResponse) {
  const auto mechanism = MakeMechanism({.mechanism = "first_price"}).value();
  const std::vector<Candidate> candidates = {{10'000'000, 0.1}, {4'000'000, 0.1}};
  EXPECT_EQ(Utility(*mechanism, candidates, 0, 10'000'000, 10'000'000), 0);
  EXPECT_DOUBLE_EQ(Utility(*mechanism, candidates, 0, 10'000'000, 4'000'000), 0.1 * 6'000'000);
}

TEST(MakeMechanism, RefusesRulesByName) {
  const auto field = [](const Rules& rules) { return base::FieldOf(MakeMechanism(rules).status()).value_or("none"); };
  EXPECT_EQ(field({.mechanism = "lottery"}), "mechanism");
  EXPECT_THAT(std::string(MakeMechanism({.mechanism = "lottery"}).status().message()),
              HasSubstr("known: second_price, gsp, vcg, first_price"));
  for (const std::string_view name : MechanismNames()) {
    const std::string mechanism(name);
    EXPECT_EQ(field({.mechanism = mechanism, .slots = 0}), "slots");
    EXPECT_EQ(field({.mechanism = mechanism, .slots = kMaxSlots + 1}), "slots");
    EXPECT_EQ(field({.mechanism = mechanism, .position_multipliers = {1, 0.5}}), "position_multipliers");
    EXPECT_EQ(field({.mechanism = mechanism, .position_multipliers = {0.5}}), "position_multipliers[0]");
    EXPECT_EQ(field({.mechanism = mechanism, .position_multipliers = {1}}), "none");
    EXPECT_EQ(field({.mechanism = mechanism, .reserve = Click(0)}), "reserve.click_micros");
    EXPECT_EQ(field({.mechanism = mechanism, .reserve = Mille(kMaxMilleMicros + 1)}), "reserve.mille_micros");
    if (name == "second_price") {
      EXPECT_EQ(field({.mechanism = mechanism, .slots = 2}), "slots");
      continue;
    }
    EXPECT_EQ(field({.mechanism = mechanism, .slots = kMaxSlots}), "none");
    const auto of = [&](const std::vector<double>& x) {
      return field({.mechanism = mechanism, .slots = 2, .position_multipliers = x});
    };
    EXPECT_EQ(of({1, 0.5}), "none");
    EXPECT_EQ(of({1}), "position_multipliers");
    for (const double bad : {0.0, -1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
      EXPECT_EQ(of({1, bad}), "position_multipliers[1]") << bad;
    }
    EXPECT_EQ(field({.mechanism = mechanism, .slots = 3, .position_multipliers = {1, 0.5, 0.6}}),
              "position_multipliers[2]");
  }
}

}  // namespace
}  // namespace vickrey::auction
