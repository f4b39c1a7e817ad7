#include "vickrey/auction/second_price.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/auction/settlement.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::base::RandomStream;

constexpr Reserve kNoReserve;
constexpr Reserve Click(int64_t micros) { return {Reserve::Kind::kClick, micros}; }
constexpr Reserve Mille(int64_t micros) { return {Reserve::Kind::kMille, micros}; }

Outcome Decide(const std::vector<Candidate>& candidates, Reserve reserve = kNoReserve) {
  return MakeMechanism({.reserve = reserve}).value()->Run("a", candidates).value();
}

struct Sale {
  int index;
  int64_t price_micros;
  bool operator==(const Sale&) const = default;
};

std::optional<Sale> SaleOf(const std::vector<Candidate>& candidates, Reserve reserve = kNoReserve) {
  const Outcome outcome = Decide(candidates, reserve);
  if (outcome.placements.empty()) return std::nullopt;
  return Sale{outcome.placements[0].index, outcome.placements[0].price_micros};
}

// Worked by hand.
TEST(SecondPrice, TheWinnerPaysWhatKeepsItsSlot) {
  // Scores 200000, 150000, 40000: 150000 / 0.1 = 1500000.
  EXPECT_EQ(SaleOf({{2'000'000, 0.1}, {3'000'000, 0.05}, {4'000'000, 0.01}}), (Sale{0, 1'500'000}));
  // Scores 4 and 3; at 0.5 a bid of 6 ties and index 0 wins the tie: 6.
  EXPECT_EQ(SaleOf({{8, 0.5}, {6, 0.5}}), (Sale{0, 6}));
  // The other way round a tie is lost: 7.
  EXPECT_EQ(SaleOf({{6, 0.5}, {8, 0.5}}), (Sale{1, 7}));
  // 1 / 0.75 = 1.33: 2 micros are the least that beat a score of 1.
  EXPECT_EQ(SaleOf({{1, 1.0}, {4, 0.75}}), (Sale{1, 2}));
}

TEST(SecondPrice, TiesGoToTheLowerIndexAtTheTiedAmount) {
  EXPECT_EQ(SaleOf({{5, 0.5}, {5, 0.5}, {5, 0.5}}), (Sale{0, 5}));
  EXPECT_THAT(Decide({{5, 0.5}, {5, 0.5}, {5, 0.5}}).ranking, ElementsAre(0, 1, 2));
}

TEST(SecondPrice, ALoneBidderWinsAndPaysTheReserve) {
  EXPECT_EQ(SaleOf({{7, 0.5}}), (Sale{0, 0}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Click(3)), (Sale{0, 3}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Click(7)), (Sale{0, 7}));  // equal to the reserve is a sale
  EXPECT_EQ(SaleOf({{7, 0.5}}, Click(8)), std::nullopt);
  // Per mille 2500 micros: score >= 2.5, so a bid of at least 5.
  EXPECT_EQ(SaleOf({{7, 0.5}}, Mille(2500)), (Sale{0, 5}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Mille(3500)), (Sale{0, 7}));
  EXPECT_EQ(SaleOf({{7, 0.5}}, Mille(3501)), std::nullopt);
}

TEST(SecondPrice, AnIneligibleCandidateNeitherWinsNorSetsAPrice) {
  EXPECT_EQ(SaleOf({{9, 0.9}, {10, 0.1}}, Click(10)), (Sale{1, 10}));  // the better score bids below the reserve
  EXPECT_EQ(SaleOf({{9, 0.5}, {4, 0.5}}, Click(5)), (Sale{0, 5}));     // 4 is below the reserve
  EXPECT_EQ(SaleOf({{9, 0.5}, {6, 0.5}}, Click(5)), (Sale{0, 6}));
  EXPECT_EQ(SaleOf({{9, 0}, {5, 0.5}}), (Sale{1, 0}));  // pCTR 0 is never eligible
  EXPECT_EQ(SaleOf({{9, 0}, {5, 0}}), std::nullopt);
  EXPECT_THAT(Decide({{9, 0}, {5, 0.5}}).ranking, ElementsAre(1));
  EXPECT_EQ(SaleOf({}), std::nullopt);
}

TEST(SecondPrice, TheEndsOfTheRanges) {
  EXPECT_EQ(SaleOf({{kMaxBidMicros, 1}, {kMaxBidMicros, 1}}), (Sale{0, kMaxBidMicros}));
  EXPECT_EQ(SaleOf({{kMaxBidMicros - 1, 1}, {kMaxBidMicros, 1}}), (Sale{1, kMaxBidMicros}));
  EXPECT_EQ(SaleOf({{1, 1}, {1, 1}}), (Sale{0, 1}));
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(SaleOf({{1, kTiny}, {kMaxBidMicros, kTiny}}), (Sale{1, 2}));
  EXPECT_EQ(SaleOf({{kMaxBidMicros, 1}, {1, kTiny}}), (Sale{0, 1}));
  EXPECT_EQ(SaleOf({{kMaxBidMicros, 1}}, Mille(kMaxMilleMicros)), (Sale{0, kMaxBidMicros}));
}

TEST(SecondPrice, RefusesBadInputByName) {
  const auto mechanism = MakeMechanism({}).value();
  const auto error = [&](std::vector<Candidate> candidates) { return mechanism->Run("a7", candidates).status(); };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double pctr : {kNan, -0.1, 1.0000001, std::numeric_limits<double>::infinity(), -kNan}) {
    const absl::Status status = error({{1, 0.5}, {1, 0.5}, {1, pctr}});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << pctr;
    EXPECT_EQ(base::FieldOf(status), "candidates[2].pctr");
    EXPECT_THAT(std::string(status.message()), HasSubstr("auction a7: candidates[2].pctr: "));
  }
  for (const int64_t bid : {int64_t{0}, int64_t{-1}, kMaxBidMicros + 1, std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(base::FieldOf(error({{bid, 0.5}})), "candidates[0].bid_micros") << bid;
  }
  EXPECT_TRUE(error({{1, -0.0}}).ok());
}

TEST(SecondPrice, RefusesRulesByName) {
  const auto field = [](const Rules& rules) { return base::FieldOf(MakeMechanism(rules).status()).value_or("none"); };
  EXPECT_EQ(field({.mechanism = "lottery"}), "mechanism");
  EXPECT_EQ(field({.slots = 2}), "slots");
  EXPECT_EQ(field({.slots = 0}), "slots");
  EXPECT_EQ(field({.position_multipliers = {1, 0.5}}), "position_multipliers");
  EXPECT_EQ(field({.position_multipliers = {0.5}}), "position_multipliers");
  EXPECT_EQ(field({.reserve = Click(0)}), "reserve.click_micros");
  EXPECT_EQ(field({.reserve = Mille(kMaxMilleMicros + 1)}), "reserve.mille_micros");
  EXPECT_EQ(field({.position_multipliers = {1}}), "none");
}

// Random auctions. Small bids and few probabilities make ties and equal prices common; the others are of any size.
std::vector<Candidate> RandomCandidates(RandomStream& random) {
  const bool small = random.Bernoulli(0.5);
  std::vector<Candidate> candidates(1 + random.Below(8));
  for (Candidate& c : candidates) {
    c.bid_micros = small ? 1 + static_cast<int64_t>(random.Below(12))
                         : std::clamp<int64_t>(std::llround(random.LogNormal(14, 6)), 1, kMaxBidMicros);
    c.pctr = small ? static_cast<double>(random.Below(5)) / 4 : std::pow(random.Uniform(), 4);
  }
  return candidates;
}

Reserve RandomReserve(RandomStream& random) {
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

template <typename F>
void ForRandomAuctions(int n, F check) {
  for (int i = 0; i < n; ++i) {
    RandomStream random(11, base::StreamId("second_price_test"), i);
    const auto candidates = RandomCandidates(random);
    const Reserve reserve = RandomReserve(random);
    SCOPED_TRACE(i);
    check(candidates, reserve, random);
    if (testing::Test::HasFailure()) return;
  }
}

// The winner and its critical bid as the definition says them: by trying bids, with a bisection.
std::optional<Sale> Reference(std::vector<Candidate> candidates, const Reserve& reserve) {
  const auto wins = [&](size_t i) {
    const double score = Score(candidates[i].bid_micros, candidates[i].pctr);
    if (!IsEligible(reserve, candidates[i].bid_micros, score)) return false;
    for (size_t j = 0; j < candidates.size(); ++j) {
      const double other = Score(candidates[j].bid_micros, candidates[j].pctr);
      if (j == i || !IsEligible(reserve, candidates[j].bid_micros, other)) continue;
      if (other > score || (other == score && j < i)) return false;
    }
    return true;
  };
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!wins(i)) continue;
    int eligible = 0;
    for (const Candidate& c : candidates) eligible += IsEligible(reserve, c.bid_micros, Score(c.bid_micros, c.pctr));
    if (eligible == 1 && reserve.kind == Reserve::Kind::kNone) return Sale{static_cast<int>(i), 0};
    int64_t low = 0, high = candidates[i].bid_micros;  // loses at low (or low is no bid), wins at high
    while (high - low > 1) {
      candidates[i].bid_micros = low + (high - low) / 2;
      (wins(i) ? high : low) = candidates[i].bid_micros;
    }
    return Sale{static_cast<int>(i), high};
  }
  return std::nullopt;
}

TEST(SecondPriceBattery, AgreesWithABisection) {
  ForRandomAuctions(20'000, [](const auto& candidates, const Reserve& reserve, RandomStream&) {
    EXPECT_EQ(SaleOf(candidates, reserve), Reference(candidates, reserve));
  });
}

TEST(SecondPriceBattery, ThePriceIsNeverAboveTheBidNorBelowTheReserve) {
  ForRandomAuctions(20'000, [](const auto& candidates, const Reserve& reserve, RandomStream&) {
    const auto sale = SaleOf(candidates, reserve);
    if (!sale.has_value()) return;
    EXPECT_LE(sale->price_micros, candidates[sale->index].bid_micros);
    EXPECT_GE(sale->price_micros, 0);
    if (reserve.kind == Reserve::Kind::kClick) {
      EXPECT_GE(sale->price_micros, reserve.micros);
    }
    if (reserve.kind == Reserve::Kind::kMille) {
      EXPECT_GE(Score(sale->price_micros, candidates[sale->index].pctr), static_cast<double>(reserve.micros) / 1000);
    }
  });
}

TEST(SecondPriceBattery, OrderDoesNotMatterWithoutTies) {
  ForRandomAuctions(20'000, [](const auto& candidates, const Reserve& reserve, RandomStream& random) {
    std::vector<double> scores;
    for (const Candidate& c : candidates) scores.push_back(Score(c.bid_micros, c.pctr));
    std::sort(scores.begin(), scores.end());
    if (std::adjacent_find(scores.begin(), scores.end()) != scores.end()) return;
    std::vector<int> order(candidates.size());
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    std::vector<Candidate> permuted;
    for (const int i : order) permuted.push_back(candidates[i]);
    const auto sale = SaleOf(candidates, reserve);
    const auto again = SaleOf(permuted, reserve);
    ASSERT_EQ(sale.has_value(), again.has_value());
    if (!sale.has_value()) return;
    EXPECT_EQ(order[again->index], sale->index);
    // The price may differ by the micro that decides a tie between the price and the next score.
    EXPECT_LE(std::abs(again->price_micros - sale->price_micros), 1);
  });
}

// By brute force over a grid of bids: no other bid gives an advertiser more than its value does. Utility is
// (value - price) x pCTR, the same factor for every bid.
TEST(SecondPriceBattery, BiddingOnesValueIsABestResponse) {
  ForRandomAuctions(3'000, [](auto candidates, const Reserve& reserve, RandomStream& random) {
    const int i = static_cast<int>(random.Below(candidates.size()));
    const int64_t value = candidates[i].bid_micros;
    const auto utility = [&](int64_t bid) -> int64_t {
      candidates[i].bid_micros = bid;
      const auto sale = SaleOf(candidates, reserve);
      return sale.has_value() && sale->index == i ? value - sale->price_micros : 0;
    };
    const int64_t truthful = utility(value);
    EXPECT_GE(truthful, 0);
    for (int64_t bid = 1; bid <= 15; ++bid) EXPECT_LE(utility(bid), truthful) << bid << " instead of " << value;
    for (const double factor : {0.1, 0.5, 0.9, 0.999, 1.001, 1.1, 2.0, 10.0}) {
      const auto bid = std::clamp<int64_t>(std::llround(static_cast<double>(value) * factor), 1, kMaxBidMicros);
      EXPECT_LE(utility(bid), truthful) << bid << " instead of " << value;
    }
    for (const int64_t step : {-1, 1}) {
      EXPECT_LE(utility(std::clamp<int64_t>(value + step, 1, kMaxBidMicros)), truthful);
    }
  });
}

// Worked by hand: values 2 and 3 (in units of the currency), probabilities 0.1 and 0.05.
TEST(Settle, IsInUnitsOfTheCurrency) {
  const std::vector<Candidate> candidates = {{2'000'000, 0.04}, {3'000'000, 0.05}};  // the model prefers the second
  const Outcome outcome = Decide(candidates);
  ASSERT_EQ(outcome.placements.size(), 1u);
  ASSERT_EQ(outcome.placements[0].index, 1);
  EXPECT_EQ(outcome.placements[0].price_micros, 1'600'001);  // 80000 / 0.05 ties, and a tie is lost to index 0
  const std::vector<int64_t> values = {2'000'000, 3'000'000};
  const std::vector<double> truth = {0.1, 0.05};
  const Settlement s = Settle(outcome, values, truth);
  EXPECT_DOUBLE_EQ(s.welfare, 0.15);
  EXPECT_DOUBLE_EQ(s.oracle_welfare, 0.2);
  EXPECT_DOUBLE_EQ(s.regret, 0.05);
  EXPECT_DOUBLE_EQ(s.revenue, 1.600001 * 0.05);
  EXPECT_DOUBLE_EQ(s.surplus, 0.15 - 1.600001 * 0.05);
  const Settlement unsold = Settle({}, values, truth);
  EXPECT_EQ(unsold.welfare, 0);
  EXPECT_DOUBLE_EQ(unsold.regret, 0.2);
}

}  // namespace
}  // namespace vickrey::auction
