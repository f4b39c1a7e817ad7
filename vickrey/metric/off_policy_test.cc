#include "vickrey/metric/off_policy.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/metric/gamma.h"

namespace vickrey::metric {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  EXPECT_THAT(m.warnings, Contains(HasSubstr("other than 0: 2, fewer than 30")));
  EXPECT_THAT(m.warnings, Contains(HasSubstr("effective sample size")));
}

TEST(OffPolicy, Clipping) {
  const OffPolicyMetrics m = Four(1.5).Finalize().value();
  EXPECT_DOUBLE_EQ(m.max_weight, 1.5);
  EXPECT_DOUBLE_EQ(m.mean_weight, 3.2 / 4);  // before it
  EXPECT_DOUBLE_EQ(m.clipped, .25);
  EXPECT_DOUBLE_EQ(*m.ips.value, (1.5 + 2) / 4);
  EXPECT_THAT(m.warnings, Contains(HasSubstr("25 % of the weights were clipped to 1.5")));
  EXPECT_EQ(Four(2).Finalize().value().clipped, 0);  // the weight that is 2 stays as it is
}

// Rewards are not negative: the less a clip leaves of the weights, the less IPS finds, and the more decisions count as
// clipped. No clip at all and one above every weight are the same.
TEST(OffPolicy, ALowerClipLeavesLess) {
  base::RandomStream random(2, base::StreamId("off_policy_test.clip"), 0);
  std::vector<LoggedDecision> decisions(500);
  for (LoggedDecision& d : decisions)
    d = {random.Uniform(), .01 + .99 * random.Uniform(), random.Uniform(), {}, {}, ""};
  const auto find = [&](double clip) {
    OffPolicyAccumulator all(clip);
    for (const LoggedDecision& d : decisions) EXPECT_TRUE(all.Add(d).ok());
    return all.Finalize().value();
  };
  const OffPolicyMetrics none = find(std::numeric_limits<double>::infinity());
  OffPolicyMetrics last = find(1e6);
  EXPECT_EQ(*last.ips.value, *none.ips.value);
  EXPECT_EQ(last.clipped, 0);
  for (const double clip : {20.0, 5.0, 2.0, 1.0, .5}) {
    const OffPolicyMetrics m = find(clip);
    EXPECT_LT(*m.ips.value, *last.ips.value) << clip;
    EXPECT_GT(m.clipped, last.clipped) << clip;
    EXPECT_GT(m.ess, last.ess) << clip;
    EXPECT_EQ(m.max_weight, clip);
    EXPECT_EQ(m.mean_weight, none.mean_weight);
    last = m;
  }
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
  EXPECT_EQ(field({1, 1e-300, .5, {}, {}, ""}), "propensity");  // the weight's square would be infinite
  EXPECT_EQ(field({1e200, .5, .5, {}, {}, ""}), "reward");
  EXPECT_EQ(field({1, .5, .5, 1, 1e200, ""}), "q_target");
  EXPECT_EQ(some.Finalize()->n, 0);
  EXPECT_FALSE(some.Finalize()->ips.value.has_value());
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

// Each warning where there is reason to, and none where there is not.
TEST(OffPolicy, Warns) {
  const auto warnings = [](int n, auto decision) {
    OffPolicyAccumulator all;
    for (int i = 0; i < n; ++i) EXPECT_TRUE(all.Add(decision(i)).ok());
    return all.Finalize()->warnings;
  };
  // Logging tosses a coin between two actions; the target policy takes either with .4 and .6.
  const auto good = [](int i) { return LoggedDecision{1, .5, i % 2 == 0 ? .4 : .6, {}, {}, ""}; };
  EXPECT_THAT(warnings(200, good), IsEmpty());
  EXPECT_THAT(warnings(99, good), ElementsAre(HasSubstr("effective sample size")));
  // Logging takes two of three actions, each with .5; the target takes each of the three with a third.
  const auto narrow = [](int) { return LoggedDecision{1, .5, 1.0 / 3, {}, {}, ""}; };
  EXPECT_THAT(warnings(200, narrow), ElementsAre(HasSubstr("the mean weight is 0.6667")));
  // One weight of 40 in the place of one of 1.2: 40 / 238.8 of all.
  const auto heavy = [&](int i) { return i == 7 ? LoggedDecision{1, .01, .4, {}, {}, ""} : good(i); };
  EXPECT_THAT(warnings(200, heavy), Contains(HasSubstr("one decision carries 16.8 % of the total weight")));
  const auto silent = [&](int i) {
    LoggedDecision d = good(i);
    d.reward = i < 29 ? 1 : 0;
    return d;
  };
  EXPECT_THAT(warnings(200, silent), ElementsAre(HasSubstr("other than 0: 29, fewer than 30")));
  // Logging takes each of four actions with .25, the target policy always the first.
  const auto apart = [](int i) { return LoggedDecision{1, .25, i % 4 == 0 ? 1.0 : 0.0, {}, {}, ""}; };
  EXPECT_THAT(warnings(800, apart), ElementsAre(HasSubstr("75 % of the logged decisions are such")));
  const auto certain = [&](int i) { return i < 20 ? LoggedDecision{1, 1, 1, {}, {}, ""} : good(i); };
  EXPECT_THAT(warnings(200, certain), ElementsAre(HasSubstr("10 % of the decisions were logged with propensity 1")));
  // Weights of 1 but for rounding are of mean 1.
  const auto same = [](int) { return LoggedDecision{1, .1 + .2, .3, {}, {}, ""}; };
  EXPECT_THAT(warnings(200, same), IsEmpty());
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

// How an estimator fares over repetitions.
struct Record {
  int covered = 0;
  double sum = 0, squares = 0;

  void Add(const Estimate& e, double truth) {
    covered += e.ci95->lo <= truth && truth <= e.ci95->hi;
    sum += *e.value - truth;
    squares += (*e.value - truth) * (*e.value - truth);
  }
};

TEST(OffPolicy, IsUnbiasedAndIntervalsCoverTheTruth) {
  constexpr int kRuns = 1000;
  const World world;
  Record ips, snips, dr, dr_wrong;
  double dm_wrong = 0;
  for (uint64_t run = 0; run < kRuns; ++run) {
    const OffPolicyMetrics right = world.Sample(run, true), wrong = world.Sample(run, false);
    ips.Add(right.ips, world.Value());
    snips.Add(right.snips, world.Value());
    dr.Add(*right.dr, world.Value());
    dr_wrong.Add(*wrong.dr, world.Value());
    dm_wrong += *wrong.dm->value / kRuns;
    EXPECT_NEAR(*right.dm->value, world.Value(), 1e-12);
  }
  for (const auto& [name, found] :
       {std::pair("ips", ips), std::pair("snips", snips), std::pair("dr", dr), std::pair("dr_wrong", dr_wrong)}) {
    EXPECT_GE(found.covered, 930) << name;
    EXPECT_LE(found.covered, 970) << name;
    // The mean error of kRuns, in its standard errors.
    EXPECT_LT(std::abs(found.sum) / std::sqrt(found.squares), 3) << name;
  }
  EXPECT_LT(dr.squares, 0.9 * ips.squares);            // a right model takes variance away
  EXPECT_GT(std::abs(dm_wrong - world.Value()), 0.1);  // DM believes the wrong one
}

// Tables of the chi-squared distribution, which is twice the gamma of half its degrees of freedom; Garwood's interval
// of a Poisson count of 46 (Fay's R package exactci gives 33.678 to 61.358).
TEST(Gamma, AgreesWithTables) {
  EXPECT_NEAR(2 * GammaQuantile(.5, .95), 3.841458820694, 1e-9);
  EXPECT_NEAR(2 * GammaQuantile(5, .975), 20.483177350807, 1e-8);
  EXPECT_NEAR(2 * GammaQuantile(50, .025), 74.221927474923, 1e-7);
  EXPECT_NEAR(GammaQuantile(46, .025), 33.678, 1e-3);
  EXPECT_NEAR(GammaQuantile(47, .975), 61.358, 1e-3);
  EXPECT_NEAR(GammaProbability(3, 2), 1 - 5 * std::exp(-2.0), 1e-12);  // 1 - e^-x (1 + x + x^2 / 2)
  EXPECT_NEAR(GammaProbability(3, 9), 1 - 50.5 * std::exp(-9.0), 1e-12);
}

// A policy in its own log: all weights are 1, and the interval of 46 clicks is the exact one.
TEST(OffPolicy, OfFewClicksItIsGarwoodsInterval) {
  OffPolicyAccumulator own;
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(own.Add({i % 217 == 0 ? 1.0 : 0.0, .25, .25, {}, {}, ""}).ok());
  const OffPolicyMetrics m = own.Finalize().value();
  EXPECT_EQ(m.telling, 47);
  EXPECT_EQ(m.method, "gamma");
  EXPECT_NEAR(1e4 * m.ips.ci95->lo, GammaQuantile(47, .025), 1e-9);
  EXPECT_NEAR(1e4 * m.ips.ci95->hi, GammaQuantile(48, .975), 1e-9);
  EXPECT_NEAR(m.snips.ci95->lo, m.ips.ci95->lo, 1e-5);  // the binomial distribution's variance instead of Poisson's
  EXPECT_THAT(m.warnings, Contains(HasSubstr("other than 0: 47")));
}

// Of no click at all the delta method's interval would be [0, 0].
TEST(OffPolicy, OfNoClickItIsNotSure) {
  const auto find = [](double weight, double reward_without_weight) {
    OffPolicyAccumulator none;
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(none.Add({0, .25, .25 * weight, {}, {}, ""}).ok());
    EXPECT_TRUE(none.Add({reward_without_weight, .25, 0, {}, {}, ""}).ok());
    return none.Finalize().value();
  };
  const OffPolicyMetrics clicked = find(2, 1);  // where the target would not have been
  EXPECT_EQ(*clicked.ips.value, 0);
  EXPECT_EQ(clicked.method, "gamma");
  EXPECT_EQ(clicked.ips.ci95->lo, 0);
  EXPECT_NEAR(clicked.ips.ci95->hi, -std::log(.025) * 2 / 1'001, 1e-12);  // e^-x = .025: no event of a Poisson mean x
  EXPECT_NEAR(clicked.snips.ci95->hi, -std::log(.025) / 1'000, 1e-12);
  EXPECT_THAT(clicked.warnings, Contains(HasSubstr("other than 0: 0")));
  for (const OffPolicyMetrics& m : {find(2, 0), find(2, -1), find(0, 1)}) {  // how large might a reward be?
    EXPECT_EQ(*m.ips.value, 0);
    EXPECT_FALSE(m.ips.ci95.has_value() || m.snips.ci95.has_value());
    EXPECT_EQ(m.method, "");
    EXPECT_THAT(m.warnings, Contains(HasSubstr("other than 0: 0, fewer than 30; there is no interval")));
  }
}

// All weight on one decision: SNIPS is its reward, whatever others might have been.
TEST(OffPolicy, OfOneDecisionThereIsNoIntervalOfSnips) {
  OffPolicyAccumulator one, tiny;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(one.Add({0, .5, 0, {}, {}, ""}).ok());
    ASSERT_TRUE(tiny.Add({0, .5, .5, {}, {}, ""}).ok());
  }
  ASSERT_TRUE(one.Add({1, .5, 1, {}, {}, ""}).ok());
  ASSERT_TRUE(tiny.Add({1e-200, .5, .5, {}, {}, ""}).ok());  // its square is 0
  const OffPolicyMetrics m = one.Finalize().value(), of_tiny = tiny.Finalize().value();
  EXPECT_EQ(*m.snips.value, 1);
  EXPECT_FALSE(m.snips.ci95.has_value());
  EXPECT_EQ(m.method, "gamma");
  EXPECT_NEAR(m.ips.ci95->lo, 2 * GammaQuantile(1, .025) / 501, 1e-12);
  EXPECT_NEAR(m.ips.ci95->hi, 2 * GammaQuantile(2, .975) / 501, 1e-12);
  EXPECT_FALSE(of_tiny.ips.ci95.has_value() || of_tiny.snips.ci95.has_value());
  EXPECT_EQ(of_tiny.method, "");
}

// How often intervals hold the truth, of few clicks with unequal weights: the normal ones are too short and too low.
TEST(OffPolicy, IntervalsOfFewClicksHoldTheTruth) {
  constexpr int kRuns = 600, kDecisions = 2'000;
  constexpr double kActions[][3] = {{.6, .1, .004}, {.3, .3, .01}, {.1, .6, .02}};  // propensity, target, click rate
  double truth = 0;
  for (const auto& [propensity, target, rate] : kActions) truth += target * rate;
  int ips = 0, snips = 0, normal = 0;
  for (int run = 0; run < kRuns; ++run) {
    base::RandomStream random(5, base::StreamId("off_policy_test.few"), static_cast<uint64_t>(run));
    OffPolicyAccumulator accumulator;
    double sum = 0, squares = 0;
    for (int i = 0; i < kDecisions; ++i) {
      const double u = random.Uniform();
      const auto& [propensity, target, rate] = kActions[u < .6 ? 0 : u < .9 ? 1 : 2];
      const double reward = random.Uniform() < rate ? 1 : 0;
      ASSERT_TRUE(accumulator.Add({reward, propensity, target, {}, {}, ""}).ok());
      sum += reward * target / propensity;
      squares += reward * target / propensity * target / propensity;
    }
    const OffPolicyMetrics m = accumulator.Finalize().value();
    const auto holds = [&](const Estimate& e) { return e.ci95->lo <= truth && truth <= e.ci95->hi; };
    ips += holds(m.ips);
    snips += holds(m.snips);
    normal += std::abs(sum / kDecisions - truth) <= 1.96 * std::sqrt(squares) / kDecisions;
  }
  // 95 % less three standard errors of the count of runs.
  EXPECT_GE(ips, .95 * kRuns - 3 * std::sqrt(kRuns * .95 * .05));
  EXPECT_GE(snips, .95 * kRuns - 3 * std::sqrt(kRuns * .95 * .05));
  EXPECT_LT(normal, ips);
}

TEST(OffPolicy, CommonOrNegativeRewardsKeepTheDeltaMethod) {
  OffPolicyAccumulator common, negative;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(common.Add({i % 3 == 0 ? 1.0 : 0.0, .5, .5, {}, {}, ""}).ok());
    ASSERT_TRUE(negative.Add({i % 50 == 0 ? -1.0 : 0.0, .5, .5, {}, {}, ""}).ok());
  }
  EXPECT_EQ(common.Finalize()->method, "delta");
  EXPECT_EQ(negative.Finalize()->method, "delta");
}

}  // namespace
}  // namespace vickrey::metric
