// GSP, VCG and first price over several slots, worked by hand.
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/auction/auction_testing.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Edelman, Ostrovsky, Schwarz 2007, section II: slots with 200 and 100 clicks an hour, values of 10, 4 and 2 dollars.
// GSP charges 4 and 2 dollars a click. VCG charges the first 100 x 4 + 100 x 2 = 600 dollars an hour for 200 clicks,
// the second 100 x 2 = 200 for 100.
TEST(MultiSlot, TheExampleOfEdelmanOstrovskyAndSchwarz) {
  const std::vector<Candidate> candidates = {{10'000'000, 0.5}, {4'000'000, 0.5}, {2'000'000, 0.5}};
  const std::vector<double> x = {1, 0.5};
  EXPECT_THAT(SalesOf({.mechanism = "gsp", .slots = 2, .position_multipliers = x}, candidates),
              ElementsAre(Sale{0, 4'000'000}, Sale{1, 2'000'000}));
  EXPECT_THAT(SalesOf({.mechanism = "vcg", .slots = 2, .position_multipliers = x}, candidates),
              ElementsAre(Sale{0, 3'000'000}, Sale{1, 2'000'000}));
  EXPECT_THAT(SalesOf({.mechanism = "first_price", .slots = 2, .position_multipliers = x}, candidates),
              ElementsAre(Sale{0, 10'000'000}, Sale{1, 4'000'000}));
}

// Scores 6, 4 and 3, pCTRs .5, .25 and .75.
TEST(MultiSlot, PricesAreInClicksOfTheWinner) {
  const std::vector<Candidate> candidates = {{12, 0.5}, {16, 0.25}, {4, 0.75}};
  // 4 / .5 = 8, a tie that index 0 wins; 3 / .25 = 12, likewise; nobody behind: 0.
  EXPECT_THAT(SalesOf({.mechanism = "gsp", .slots = 3}, candidates), ElementsAre(Sale{0, 8}, Sale{1, 12}, Sale{2, 0}));
  // With equal slots a bidder displaces only the first that has none: there is none.
  EXPECT_THAT(SalesOf({.mechanism = "vcg", .slots = 3}, candidates), ElementsAre(Sale{0, 0}, Sale{1, 0}, Sale{2, 0}));
  // x = 1, .5, .25. First: (.5 x 4 + .25 x 3) / .5 = 5.5 -> 6. Second: .25 x 3 / (.5 x .25) = 6. Third: 0.
  EXPECT_THAT(SalesOf({.mechanism = "vcg", .slots = 3, .position_multipliers = {1, 0.5, 0.25}}, candidates),
              ElementsAre(Sale{0, 6}, Sale{1, 6}, Sale{2, 0}));
}

TEST(MultiSlot, Reserves) {
  const std::vector<Candidate> candidates = {{12, 0.5}, {16, 0.25}, {4, 0.75}};
  // Per click 5: the third is not eligible, so that the second pays the reserve.
  EXPECT_THAT(SalesOf({.mechanism = "gsp", .slots = 3, .reserve = Click(5)}, candidates),
              ElementsAre(Sale{0, 8}, Sale{1, 5}));
  EXPECT_THAT(SalesOf({.mechanism = "vcg", .slots = 3, .reserve = Click(5)}, candidates),
              ElementsAre(Sale{0, 5}, Sale{1, 5}));
  EXPECT_THAT(SalesOf({.mechanism = "first_price", .slots = 3, .reserve = Click(5)}, candidates),
              ElementsAre(Sale{0, 12}, Sale{1, 16}));
  // Per mille 3500: scores of 3.5 and more. The second pays 3.5 / .25 = 14 a click.
  EXPECT_THAT(SalesOf({.mechanism = "gsp", .slots = 3, .reserve = Mille(3500)}, candidates),
              ElementsAre(Sale{0, 8}, Sale{1, 14}));
  // x = 1, .5, .25. First: (.5 x 4 + .25 x 3.5 + .25 x 3.5) / .5 = 7.5 -> 8. Second: 3.5 / .25 = 14.
  EXPECT_THAT(SalesOf({.mechanism = "vcg", .slots = 3, .position_multipliers = {1, 0.5, 0.25}, .reserve = Mille(3500)},
                      candidates),
              ElementsAre(Sale{0, 8}, Sale{1, 14}));
  EXPECT_THAT(SalesOf({.mechanism = "vcg", .slots = 3, .reserve = Click(17)}, candidates), IsEmpty());
}

// A lone bidder pays the reserve to the micro, whatever its pCTR and the multipliers round to.
TEST(MultiSlot, ALoneBidderPaysTheReserve) {
  for (const char* mechanism : {"gsp", "vcg"}) {
    for (const double pctr : {0.1, 1.0 / 3, 0.7, 1e-9}) {
      for (const int64_t reserve : {int64_t{1}, int64_t{333'333}, int64_t{700'000'000'001}}) {
        EXPECT_THAT(
            SalesOf(
                {.mechanism = mechanism, .slots = 3, .position_multipliers = {1, 0.7, 0.3}, .reserve = Click(reserve)},
                {{kMaxBidMicros, pctr}}),
            ElementsAre(Sale{0, reserve}))
            << mechanism << ' ' << pctr;
      }
    }
    EXPECT_THAT(SalesOf({.mechanism = mechanism, .slots = 3}, {{7, 0.5}}), ElementsAre(Sale{0, 0}));
  }
}

// At the ends of the ranges too: no price below the reserve, none off by what a relative slack would be there.
TEST(MultiSlot, LargeReservesAreKept) {
  for (const int64_t reserve : {kMaxBidMicros, kMaxBidMicros - 1, int64_t{912'345'678'901'234}}) {
    const std::vector<Candidate> candidates(100, {kMaxBidMicros, 0.3});
    for (const int slots : {1, 2, 99}) {
      for (const char* mechanism : {"gsp", "vcg"}) {
        const auto sales = SalesOf({.mechanism = mechanism, .slots = slots, .reserve = Click(reserve)}, candidates);
        ASSERT_EQ(sales.size(), static_cast<size_t>(slots));
        for (const Sale& sale : sales) EXPECT_GE(sale.price_micros, reserve) << mechanism << ' ' << slots;
        EXPECT_GE(sales.back().price_micros, kMaxBidMicros - 1) << mechanism << ' ' << slots;
      }
    }
  }
}

// With one slot VCG is the second price, but for the micro that decides a tie.
TEST(MultiSlot, VcgOfOneSlotIsTheSecondPrice) {
  ForRandomAuctions("second_price", 20'000, [](Rules rules, const auto& candidates, base::RandomStream&) {
    const auto second = SalesOf(rules, candidates);
    rules.mechanism = "gsp";
    EXPECT_EQ(SalesOf(rules, candidates), second);
    rules.mechanism = "vcg";
    const auto vcg = SalesOf(rules, candidates);
    ASSERT_EQ(vcg.size(), second.size());
    if (vcg.empty()) return;
    EXPECT_EQ(vcg[0].index, second[0].index);
    const int64_t more = second[0].price_micros - vcg[0].price_micros;
    EXPECT_TRUE(more == 0 || more == 1) << more;
  });
}

TEST(MultiSlot, TheLeastProbabilitiesAreNoDivisionByZero) {
  const std::vector<Candidate> candidates = {{kMaxBidMicros, 5e-324}, {3, 5e-324}, {2, 5e-324}};
  for (const char* mechanism : {"gsp", "vcg", "first_price"}) {
    const auto sales =
        SalesOf({.mechanism = mechanism, .slots = 3, .position_multipliers = {1, 1e-300, 5e-324}}, candidates);
    ASSERT_EQ(sales.size(), 3u) << mechanism;
    for (const Sale& sale : sales) {
      EXPECT_GE(sale.price_micros, 0);
      EXPECT_LE(sale.price_micros, candidates[sale.index].bid_micros);
    }
  }
}

}  // namespace
}  // namespace vickrey::auction
