#include "vickrey/auction/settlement.h"

#include <vector>

#include "gtest/gtest.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {
namespace {

// Worked by hand: values 2 and 3 (in units of the currency), probabilities 0.1 and 0.05.
TEST(Settle, IsInUnitsOfTheCurrency) {
  const std::vector<Candidate> candidates = {{2'000'000, 0.04}, {3'000'000, 0.05}};  // the model prefers the second
  const auto mechanism = MakeMechanism({}).value();
  const Outcome outcome = mechanism->Run("a", candidates).value();
  ASSERT_EQ(outcome.placements.size(), 1u);
  ASSERT_EQ(outcome.placements[0].index, 1);
  EXPECT_EQ(outcome.placements[0].price_micros, 1'600'001);  // 80000 / 0.05 ties, and a tie is lost to index 0
  const std::vector<int64_t> values = {2'000'000, 3'000'000};
  const std::vector<double> truth = {0.1, 0.05};
  const Settlement s = Settle(outcome, mechanism->position_multipliers(), values, truth);
  EXPECT_DOUBLE_EQ(s.welfare, 0.15);
  EXPECT_DOUBLE_EQ(s.oracle_welfare, 0.2);
  EXPECT_DOUBLE_EQ(s.regret, 0.05);
  EXPECT_DOUBLE_EQ(s.revenue, 1.600001 * 0.05);
  EXPECT_DOUBLE_EQ(s.surplus, 0.15 - 1.600001 * 0.05);
  const Settlement unsold = Settle({}, mechanism->position_multipliers(), values, truth);
  EXPECT_EQ(unsold.welfare, 0);
  EXPECT_DOUBLE_EQ(unsold.regret, 0.2);
}

// Worth 4, 1 and 3 an impression of the first slot; x = 1, .5. The model ranks 2, 0: 3 + .5 x 4 = 5. The oracle ranks
// 0, 2: 4 + .5 x 3 = 5.5.
TEST(Settle, SeveralSlotsCountByTheirExamination) {
  const std::vector<Candidate> candidates = {{8'000'000, 0.25}, {4'000'000, 0.0}, {6'000'000, 0.75}};
  const auto mechanism =
      MakeMechanism({.mechanism = "first_price", .slots = 2, .position_multipliers = {1, 0.5}}).value();
  const Outcome outcome = mechanism->Run("a", candidates).value();
  const std::vector<int64_t> values = {8'000'000, 4'000'000, 6'000'000};
  const std::vector<double> truth = {0.5, 0.25, 0.5};
  const Settlement s = Settle(outcome, mechanism->position_multipliers(), values, truth);
  EXPECT_DOUBLE_EQ(s.welfare, 5);
  EXPECT_DOUBLE_EQ(s.revenue, 5);  // bids are the values
  EXPECT_DOUBLE_EQ(s.oracle_welfare, 5.5);
  EXPECT_DOUBLE_EQ(s.regret, 0.5);
}

TEST(OracleWelfare, FewerCandidatesThanSlots) {
  std::vector<double> scratch;
  EXPECT_EQ(OracleWelfare(std::vector<double>{1, 0.5, 0.25}, std::vector<double>{1}, &scratch), 1);
  EXPECT_EQ(OracleWelfare(std::vector<double>{1, 0.5}, {}, &scratch), 0);
  EXPECT_EQ(OracleWelfare(std::vector<double>{1}, {}, &scratch), 0);
}

}  // namespace
}  // namespace vickrey::auction
