#include "vickrey/price/bidder.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/price/budget.h"

namespace vickrey::price {
namespace {

TEST(Player, SecondPriceByHand) {
  Player player({.payment = Payment::kSecondPrice, .fee = 1, .budget = 20});
  EXPECT_EQ(player.Play(/*bid=*/10, /*value=*/12, /*price=*/10, /*click=*/true), 11);  // equal to the price: wins
  EXPECT_EQ(player.Play(9.9, 50, 10), 0);
  EXPECT_EQ(player.left(), 9);
  EXPECT_EQ(player.Play(kAnyPrice, 50, 8.5), 0);  // 9.5 is not there
  EXPECT_EQ(player.Play(kAnyPrice, 50, 8), 9);
  EXPECT_EQ(player.left(), 0);
  EXPECT_EQ(player.Play(kAnyPrice, 50, 0), 0);  // not even the fee
  EXPECT_EQ(player.tally().auctions, 5);
  EXPECT_EQ(player.tally().buys, 2);
  EXPECT_EQ(player.tally().clicks, 1);
  EXPECT_EQ(player.tally().spend, 20);
  EXPECT_EQ(player.tally().value, 62);
  EXPECT_EQ(player.tally().profit(), 42);
  EXPECT_EQ(player.tally().win_rate(), .4);
}

TEST(Player, FirstPriceByHand) {
  Player player({.payment = Payment::kFirstPrice, .fee = 1, .budget = 20});
  EXPECT_EQ(player.Play(10, 12, 4), 11);
  EXPECT_EQ(player.Play(10, 12, 8), 9);  // the bid is cut to 8, and pays that
  EXPECT_EQ(player.left(), 0);
  Player free({.payment = Payment::kFirstPrice});
  EXPECT_EQ(free.Play(0, 5, 0), 0);  // costs nothing and is won
  EXPECT_EQ(free.Play(kNoBid, 5, 0), 0);
  EXPECT_EQ(free.tally().buys, 1);
  EXPECT_EQ(free.tally().profit(), 5);
}

TEST(Pacer, ByHand) {
  Pacer pacer = *Pacer::Create({.budget = 100, .auctions = 10, .step = .1, .max_lambda = .5});  // 10 for each
  EXPECT_EQ(pacer.Paced(12), 12);
  pacer.Observe(30);  // 20 too much: .1 (3 - 1)
  EXPECT_DOUBLE_EQ(pacer.lambda(), .2);
  EXPECT_DOUBLE_EQ(pacer.Paced(12), 10);
  pacer.Observe(0);
  EXPECT_DOUBLE_EQ(pacer.lambda(), .1);
  pacer.Observe(10);
  EXPECT_DOUBLE_EQ(pacer.lambda(), .1);
  pacer.Observe(0);
  pacer.Observe(0);
  EXPECT_EQ(pacer.lambda(), 0);
  pacer.Observe(1000);
  EXPECT_EQ(pacer.lambda(), .5);
}

TEST(Pacer, RefusesByName) {
  const Pacer::Options good = {.budget = 1, .auctions = 1, .step = 1};
  const auto field = [](Pacer::Options options) { return base::FieldOf(Pacer::Create(options).status()); };
  EXPECT_TRUE(Pacer::Create(good).ok());
  Pacer::Options bad = good;
  bad.budget = 0;
  EXPECT_EQ(field(bad), "budget");
  bad = good;
  bad.auctions = 0;
  EXPECT_EQ(field(bad), "auctions");
  bad = good;
  bad.step = NAN;
  EXPECT_EQ(field(bad), "step");
  bad = good;
  bad.lambda = -1;
  EXPECT_EQ(field(bad), "lambda");
}

// Random auctions, bids of all sorts, budgets of all sizes.
TEST(Player, NeverExceedsItsBudget) {
  for (uint64_t round = 0; round < 200; ++round) {
    base::RandomStream random(1, base::StreamId("test.budget"), round);
    const double budget = 30 * random.Uniform(), fee = random.Bernoulli(.5) ? 0 : random.Uniform();
    const Payment payment = random.Bernoulli(.5) ? Payment::kSecondPrice : Payment::kFirstPrice;
    Player player({.payment = payment, .fee = fee, .budget = budget});
    for (int i = 0; i < 200; ++i) {
      const double bid = payment == Payment::kSecondPrice && random.Bernoulli(.1) ? kAnyPrice : 3 * random.Uniform();
      const double before = player.left();
      EXPECT_LE(player.Play(bid, 1, 2 * random.Uniform()), before);
      ASSERT_LE(player.tally().spend, budget);
      ASSERT_GE(player.left(), 0);
    }
  }
}

// In a second-price auction nothing beats bidding what it is worth, whatever the prices, auction by auction.
TEST(Player, TruthIsBestAfterTheFact) {
  base::RandomStream random(1, base::StreamId("test.truth"), 0);
  for (int i = 0; i < 2000; ++i) {
    const double value = random.Uniform(), price = random.Uniform(), fee = .2 * random.Uniform();
    Player truthful({.fee = fee}), other({.fee = fee});
    truthful.Play(TruthfulBid(value, fee), value, price);
    other.Play(random.Bernoulli(.2) ? kAnyPrice : random.Uniform(), value, price);
    EXPECT_GE(truthful.tally().profit(), other.tally().profit());
  }
}

// Pacing spends about the budget, to the end, and earns more with it than bidding the value until nothing is left.
TEST(Pacer, MakesABudgetLastAndPays) {
  constexpr int kAuctions = 20000;
  constexpr double kBudget = kAuctions * .05;
  Pacer pacer = *Pacer::Create({.budget = kBudget, .auctions = kAuctions, .step = 1 / std::sqrt(kAuctions)});
  Player paced({.budget = kBudget}), greedy({.budget = kBudget});
  base::RandomStream random(1, base::StreamId("test.pacing"), 0);
  int last_buy = 0;
  for (int i = 0; i < kAuctions; ++i) {
    const double value = random.Uniform(), price = random.Uniform();
    const int64_t before = paced.tally().buys;
    pacer.Observe(paced.Play(TruthfulBid(pacer.Paced(value), 0), value, price));
    greedy.Play(TruthfulBid(value, 0), value, price);
    if (paced.tally().buys > before) last_buy = i;
  }
  EXPECT_GT(paced.tally().spend, .95 * kBudget);
  EXPECT_GT(last_buy, .95 * kAuctions);
  // With value and price uniform, bids v / (1 + l) spend E min(.)^2 / 2 = 1 / (6 (1 + l)^2) an auction: .05 at
  // 1 + l = 1.826, which has the value 1 / (3 (1 + l)) = .18257 and so the profit .13257. Greedy: .05 spent, at a
  // profit as large again as the spending, since it is that of value 1/3 for payments of 1/6.
  EXPECT_NEAR(paced.tally().profit() / kAuctions, .1326, .004);
  EXPECT_NEAR(greedy.tally().profit() / kAuctions, .05, .002);
}

}  // namespace
}  // namespace vickrey::price
