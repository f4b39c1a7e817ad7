#include "vickrey/metric/off_policy.h"

#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::metric {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// Worked by hand: weights .5 / .25 = 2, .1 / .5 = .2, 0 / .5 = 0 and .8 / .8 = 1; rewards 1, 0, 1, 2.
OffPolicyAccumulator Four(double clip = std::numeric_limits<double>::infinity()) {
  OffPolicyAccumulator four(clip);
  EXPECT_TRUE(four.Add({1, .25, .5, .5, .4, ""}).ok());
  EXPECT_TRUE(four.Add({0, .5, .1, .5, .4, ""}).ok());
  EXPECT_TRUE(four.Add({1, .5, 0, .5, .8, ""}).ok());
  EXPECT_TRUE(four.Add({2, .8, .8, 1, .8, ""}).ok());
  return four;
}

TEST(OffPolicy, WorkedByHand) {
  const OffPolicyMetrics m = Four().Finalize().value();
  EXPECT_EQ(m.n, 4);
  EXPECT_DOUBLE_EQ(m.mean_weight, 3.2 / 4);
  EXPECT_DOUBLE_EQ(m.max_weight, 2);
  EXPECT_DOUBLE_EQ(m.ess, 3.2 * 3.2 / (4 + .04 + 1));
  EXPECT_DOUBLE_EQ(m.zero_support, .25);
  EXPECT_DOUBLE_EQ(*m.ips.value, (2 + 0 + 0 + 2) / 4.0);
  EXPECT_DOUBLE_EQ(*m.snips.value, 4 / 3.2);
  EXPECT_DOUBLE_EQ(*m.dm->value, 2.4 / 4);
  // .4 + 2 x .5, .4 - .2 x .5, .8, .8 + 1 x 1.
  EXPECT_DOUBLE_EQ(*m.dr->value, (1.4 + .3 + .8 + 1.8) / 4);
  // The deviations of w r from their mean 1 are 1, -1, -1, 1: the variance of the mean is 4 / 3 x 4 / 16 = 1 / 3.
  EXPECT_NEAR(m.ips.ci95->hi, 1 + 1.959963984540054 * std::sqrt(1.0 / 3), 1e-12);
  EXPECT_FALSE(m.dm->ci95.has_value());
  EXPECT_THAT(m.warnings, Contains(HasSubstr("only 2 decisions have a reward that counts")));
  EXPECT_THAT(m.warnings, Contains(HasSubstr("effective sample size")));
}

TEST(OffPolicy, Clipping) {
  const OffPolicyMetrics m = Four(1.5).Finalize().value();
  EXPECT_DOUBLE_EQ(m.max_weight, 1.5);
  EXPECT_DOUBLE_EQ(m.mean_weight, 3.2 / 4);  // before it
  EXPECT_DOUBLE_EQ(m.clipped, .25);
  EXPECT_DOUBLE_EQ(*m.ips.value, (1.5 + 2) / 4);
  EXPECT_THAT(m.warnings, Contains(HasSubstr("25 % of the weights were clipped")));
}

TEST(OffPolicy, ClustersVaryAsOne) {
  OffPolicyAccumulator apart, together;
  for (int i = 0; i < 100; ++i) {
    const LoggedDecision d{static_cast<double>(i % 3), .5, .5, {}, {}, ""};
    for (int copy = 0; copy < 4; ++copy) {
      ASSERT_TRUE(apart.Add(d).ok());
      LoggedDecision same = d;
      const std::string user = std::to_string(i);
      same.cluster_key = user;
      ASSERT_TRUE(together.Add(same).ok());
    }
  }
  const OffPolicyMetrics a = apart.Finalize().value(), b = together.Finalize().value();
  EXPECT_EQ(b.clusters, 100);
  EXPECT_DOUBLE_EQ(*a.ips.value, *b.ips.value);
  const auto width = [](const Estimate& e) { return e.ci95->hi - e.ci95->lo; };
  EXPECT_NEAR(width(b.ips) / width(a.ips), 2, 0.01);  // a quarter of the information
  EXPECT_FALSE(b.dr.has_value());
}

TEST(OffPolicy, RefusesByName) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  OffPolicyAccumulator some;
  const auto field = [&](LoggedDecision d) { return base::FieldOf(some.Add(d)).value_or("none"); };
  EXPECT_EQ(field({kNan, .5, .5, {}, {}, ""}), "reward");
  EXPECT_EQ(field({1, 0, .5, {}, {}, ""}), "propensity");
  EXPECT_EQ(field({1, 1.1, .5, {}, {}, ""}), "propensity");
  EXPECT_EQ(field({1, kNan, .5, {}, {}, ""}), "propensity");
  EXPECT_EQ(field({1, .5, -.1, {}, {}, ""}), "target_probability");
  EXPECT_EQ(field({1, .5, .5, 1, {}, ""}), "q_target");
  EXPECT_EQ(field({1, .5, .5, {}, 1, ""}), "q_logged");
  EXPECT_EQ(field({1, .5, .5, kNan, 1, ""}), "q_logged");
  EXPECT_EQ(some.Finalize()->n, 0);
  EXPECT_EQ(field({1, .5, .5, 1, 1, ""}), "none");
  EXPECT_EQ(field({1, .5, .5, {}, {}, ""}), "q_logged");  // of all or of none
}

TEST(OffPolicy, DeterministicLoggingIsRefused) {
  OffPolicyAccumulator certain;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(certain.Add({1, 1, .5, {}, {}, ""}).ok());
  EXPECT_EQ(base::FieldOf(certain.Finalize().status()), "propensity");
  EXPECT_THAT(std::string(certain.Finalize().status().message()), HasSubstr("with certainty"));
  ASSERT_TRUE(certain.Add({1, .5, .5, {}, {}, ""}).ok());
  EXPECT_THAT(certain.Finalize()->warnings, Contains(HasSubstr("with propensity 1")));
}

TEST(OffPolicy, WarnsOfWhatLoggingNeverDid) {
  OffPolicyAccumulator narrow;
  base::RandomStream random(1, base::StreamId("off_policy_test.narrow"), 0);
  // Logging takes two of three actions, each with .5; the target takes each of the three with a third.
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(narrow.Add({random.Bernoulli(.3) ? 1.0 : 0.0, .5, 1.0 / 3, {}, {}, ""}).ok());
  }
  EXPECT_THAT(narrow.Finalize()->warnings, Contains(HasSubstr("the mean weight is 0.6667")));
}

// Three actions with known mean rewards, users of several decisions; a reward model that is wrong, and one that is
// right.
struct World {
  double logging[3] = {.6, .3, .1}, target[3] = {.1, .3, .6}, reward[3] = {.2, .4, .5};
  double Value() const { return .1 * .2 + .3 * .4 + .6 * .5; }

  OffPolicyMetrics Sample(uint64_t run, bool right_model) const {
    OffPolicyAccumulator all;
    for (int user = 0; user < 300; ++user) {
      base::RandomStream random(9, base::StreamId("off_policy_test"), run * 1000 + static_cast<uint64_t>(user));
      const double shift = .15 * (random.Uniform() - .5);  // what the user's decisions have in common
      const std::string key = std::to_string(user);
      for (int i = 0; i < 4; ++i) {
        const double u = random.Uniform();
        const int action = u < .6 ? 0 : u < .9 ? 1 : 2;
        const double q = right_model ? reward[action] : .5 - reward[action];
        const double q_target = right_model ? Value() : .5 - Value();
        EXPECT_TRUE(all.Add({random.Bernoulli(reward[action] + shift) ? 1.0 : 0.0, logging[action], target[action], q,
                             q_target, key})
                        .ok());
      }
    }
    return all.Finalize().value();
  }
};

TEST(OffPolicy, IntervalsCoverTheTruth) {
  const World world;
  int ips = 0, snips = 0, dr = 0, dr_wrong = 0;
  double ips_sum = 0, dr_width = 0, ips_width = 0;
  const auto covers = [&](const Estimate& e) { return e.ci95->lo <= world.Value() && world.Value() <= e.ci95->hi; };
  for (uint64_t run = 0; run < 1000; ++run) {
    const OffPolicyMetrics m = world.Sample(run, true);
    ips += covers(m.ips);
    snips += covers(m.snips);
    dr += covers(*m.dr);
    dr_wrong += covers(*world.Sample(run, false).dr);
    ips_sum += *m.ips.value;
    ips_width += m.ips.ci95->hi - m.ips.ci95->lo;
    dr_width += m.dr->ci95->hi - m.dr->ci95->lo;
  }
  for (const int covered : {ips, snips, dr, dr_wrong}) {
    EXPECT_GE(covered, 930);
    EXPECT_LE(covered, 970);
  }
  EXPECT_NEAR(ips_sum / 1000, world.Value(), 0.005);
  EXPECT_LT(dr_width, 0.95 * ips_width);  // a right model takes variance away
}

}  // namespace
}  // namespace vickrey::metric
