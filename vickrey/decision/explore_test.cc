#include "vickrey/decision/explore.h"

#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace vickrey::decision {
namespace {

using vickrey::v1::Auction;
using vickrey::v1::Outcome;

constexpr int kAuctions = 20'000;

// Candidates a, b, c, d with scores 4, 3, 2, 1 (micros), and e, which is never eligible.
constexpr double kPctr[] = {0.4, 0.3, 0.2, 0.1, 0};

Auction MakeAuction(int id) {
  Auction auction;
  auction.set_auction_id(absl::StrCat("auction-", id));
  for (const char* ad : {"a", "b", "c", "d", "e"}) {
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(ad);
    candidate.mutable_bid()->set_micros(10);
  }
  return auction;
}

// As Decide leaves it.
Outcome Decided(const auction::Mechanism& mechanism, const Auction& auction) {
  std::vector<auction::Candidate> candidates;
  Outcome outcome;
  outcome.set_auction_id(auction.auction_id());
  for (int i = 0; i < auction.candidates_size(); ++i) {
    candidates.push_back({auction.candidates(i).bid().micros(), kPctr[i]});
    outcome.add_pctr(kPctr[i]);
  }
  const auto decided = *mechanism.Run(auction.auction_id(), candidates);
  outcome.mutable_ranking()->Add(decided.ranking.begin(), decided.ranking.end());
  for (const auto& placement : decided.placements) {
    auto& sold = *outcome.add_placements();
    sold.set_slot(placement.slot);
    sold.set_index(placement.index);
    sold.set_ad_id(auction.candidates(placement.index).ad_id());
    sold.set_score(placement.score);
    sold.set_price_micros(placement.price_micros);
    sold.set_examination(placement.examination);
  }
  return outcome;
}

Outcome Explored(double share, const auction::Rules& rules, int id) {
  const auto mechanism = *auction::MakeMechanism(rules);
  const Auction auction = MakeAuction(id);
  Outcome outcome = Decided(*mechanism, auction);
  EXPECT_TRUE(Explore(share, *mechanism, auction, &outcome).ok());
  return outcome;
}

// Within 5 standard errors of a frequency.
void ExpectFrequency(int count, double expected, int n) {
  EXPECT_NEAR(static_cast<double>(count) / n, expected, 5 * std::sqrt(expected * (1 - expected) / n));
}

TEST(Explore, NoShareChangesNothing) {
  const auto mechanism = *auction::MakeMechanism({});
  const Auction auction = MakeAuction(1);
  const Outcome before = Decided(*mechanism, auction);
  Outcome outcome = before;
  ASSERT_TRUE(Explore(0, *mechanism, auction, &outcome).ok());
  EXPECT_EQ(outcome.SerializeAsString(), before.SerializeAsString());
}

TEST(Explore, PropensitiesAreTheFrequenciesOfEveryCandidate) {
  constexpr double kShare = 0.3;
  std::vector<int> won(5);
  std::vector<double> inverse(5);  // of each one's propensities where it won
  int explored = 0;
  for (int id = 0; id < kAuctions; ++id) {
    const Outcome outcome = Explored(kShare, {}, id);
    ASSERT_EQ(outcome.placements_size(), 1);
    ASSERT_EQ(outcome.propensities_size(), 1);
    const auto& placement = outcome.placements(0);
    EXPECT_EQ(placement.ad_id(), std::string(1, static_cast<char>('a' + placement.index())));
    EXPECT_EQ(placement.score(), 10 * kPctr[placement.index()]);
    EXPECT_DOUBLE_EQ(outcome.propensities(0), kShare / 4 + (placement.index() == 0 ? 1 - kShare : 0));
    EXPECT_EQ(outcome.ranking(0), 0);
    explored += outcome.explored() ? 1 : 0;
    ++won[placement.index()];
    inverse[placement.index()] += 1 / outcome.propensities(0);
  }
  ExpectFrequency(explored, kShare, kAuctions);
  ExpectFrequency(won[0], 1 - kShare + kShare / 4, kAuctions);
  for (int i = 1; i < 4; ++i) ExpectFrequency(won[i], kShare / 4, kAuctions);
  EXPECT_EQ(won[4], 0);
  // What inverse propensity scoring stands on: each counts once an auction.
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(inverse[i] / kAuctions, 1, 0.15) << i;
}

TEST(Explore, TheSameAuctionGoesTheSameWayAndAtEveryGreaterShare) {
  int explored = 0;
  for (int id = 0; id < 1000; ++id) {
    const Outcome at_a_tenth = Explored(0.1, {}, id);
    EXPECT_EQ(Explored(0.1, {}, id).SerializeAsString(), at_a_tenth.SerializeAsString());
    if (!at_a_tenth.explored()) continue;
    ++explored;
    const Outcome at_half = Explored(0.5, {}, id);
    EXPECT_TRUE(at_half.explored());
    EXPECT_EQ(at_half.placements(0).index(), at_a_tenth.placements(0).index());
  }
  EXPECT_GT(explored, 50);
}

TEST(Explore, WhoIsDrawnPaysAsIfAlone) {
  using Kind = auction::Reserve::Kind;
  for (int id = 0; id < 50; ++id) {
    EXPECT_EQ(Explored(1, {}, id).placements(0).price_micros(), 0);
    EXPECT_EQ(Explored(1, {.reserve = {Kind::kClick, 7}}, id).placements(0).price_micros(), 7);
    EXPECT_EQ(Explored(1, {.mechanism = "first_price"}, id).placements(0).price_micros(), 10);
    // 1500 micros a thousand impressions: d, with a score of 1, is not eligible, and b pays 1.5 / .3 a click.
    const Outcome mille = Explored(1, {.reserve = {Kind::kMille, 1500}}, id);
    EXPECT_NE(mille.placements(0).index(), 3);
    EXPECT_DOUBLE_EQ(mille.propensities(0), 1.0 / 3);
    if (mille.placements(0).index() == 1) {
      EXPECT_EQ(mille.placements(0).price_micros(), 5);
    }
  }
}

TEST(Explore, EverySlotIsDrawnAlikeAndNobodyHasTwo) {
  const auction::Rules rules = {.mechanism = "gsp", .slots = 3, .position_multipliers = {1, 0.5, 0.25}};
  std::vector<std::vector<int>> won(3, std::vector<int>(5));
  for (int id = 0; id < kAuctions; ++id) {
    const Outcome outcome = Explored(1, rules, id);
    ASSERT_EQ(outcome.placements_size(), 3);
    std::set<int> placed;
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(outcome.placements(k).slot(), k + 1);
      EXPECT_EQ(outcome.placements(k).examination(), rules.position_multipliers[k]);
      EXPECT_DOUBLE_EQ(outcome.propensities(k), 0.25);
      placed.insert(outcome.placements(k).index());
      ++won[k][outcome.placements(k).index()];
    }
    EXPECT_EQ(placed.size(), 3u);
  }
  for (int k = 0; k < 3; ++k) {
    for (int i = 0; i < 4; ++i) ExpectFrequency(won[k][i], 0.25, kAuctions);
  }
}

TEST(Explore, ALoneCandidateIsCertain) {
  const auction::Rules rules = {.reserve = {auction::Reserve::Kind::kMille, 3500}};  // a alone
  const Outcome outcome = Explored(0.2, rules, 1);
  ASSERT_EQ(outcome.propensities_size(), 1);
  EXPECT_DOUBLE_EQ(outcome.propensities(0), 1);
  EXPECT_EQ(Explored(0.2, {.reserve = {auction::Reserve::Kind::kMille, 35'000}}, 1).propensities_size(), 0);
}

}  // namespace
}  // namespace vickrey::decision
