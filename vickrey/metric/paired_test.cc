#include "vickrey/metric/paired.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::metric {
namespace {

const std::vector<double> kA = {1.2, .5, .9, 1.7, .3, 1.1, .8, 2.0};
const std::vector<double> kB = {1.0, .6, .7, 1.5, .4, 1.0, .9, 1.6};
const std::vector<std::string> kClusters = {"u", "u", "v", "v", "v", "w", "x", "x"};

PairedComparison Example(bool clustered) {
  PairedComparison paired;
  for (size_t i = 0; i < kA.size(); ++i) paired.Add(clustered ? kClusters[i] : "", {kA[i]}, {kB[i]});
  return paired;
}

// From scipy (stats.sem of the differences, norm.ppf) and, for the ratio, numpy.cov and the gradient (1/B, -A/B^2).
TEST(PairedComparison, AgreesWithScipy) {
  const Comparison c = Example(false).ByDelta();
  EXPECT_EQ(c.auctions, 8);
  EXPECT_EQ(c.clusters, 8);
  EXPECT_NEAR(*c.difference, 0.1, 1e-15);
  EXPECT_NEAR(c.difference_ci95->lo, -0.02830976169345789, 1e-14);
  EXPECT_NEAR(c.difference_ci95->hi, 0.2283097616934579, 1e-14);
  EXPECT_NEAR(*c.relative, 0.10389610389610393, 1e-15);
  EXPECT_NEAR(c.relative_ci95->lo, -0.006933099595021849, 1e-14);
  EXPECT_NEAR(c.relative_ci95->hi, 0.21472530738722972, 1e-14);
  EXPECT_FALSE(c.Passes(0));
  EXPECT_TRUE(c.Passes(-0.01));
}

// From statsmodels: OLS of the differences on a constant, cov_type="cluster", the variance times G / (G - 1).
TEST(PairedComparison, ClustersAgreeWithStatsmodels) {
  const Comparison c = Example(true).ByDelta();
  EXPECT_EQ(c.clusters, 4);
  EXPECT_NEAR(c.difference_ci95->lo, 0.05999240269703908, 1e-14);
  EXPECT_NEAR(c.difference_ci95->hi, 0.14000759730296086, 1e-14);
  EXPECT_NEAR(c.relative_ci95->lo, 0.0794545992896058, 1e-14);  // numpy, the same sums of residuals
  EXPECT_NEAR(c.relative_ci95->hi, 0.12833760850260206, 1e-14);
}

TEST(PairedComparison, AModelAgainstItselfDiffersByNothing) {
  PairedComparison paired;
  for (const double x : kA) paired.Add("", {x}, {x});
  const Comparison c = paired.ByDelta();
  EXPECT_EQ(*c.relative, 0);
  EXPECT_EQ(c.relative_ci95->lo, 0);
  EXPECT_EQ(c.relative_ci95->hi, 0);
  EXPECT_TRUE(c.Passes(0));
}

TEST(PairedComparison, WhatIsNotDefinedIsAbsentAndDoesNotPass) {
  PairedComparison one;
  EXPECT_FALSE(one.ByDelta().difference.has_value());
  one.Add("", {1}, {2});
  EXPECT_EQ(*one.ByDelta().relative, -0.5);
  EXPECT_FALSE(one.ByDelta().relative_ci95.has_value());
  EXPECT_FALSE(one.ByDelta().Passes(-10));
  PairedComparison zero;
  zero.Add("", {1}, {0});
  zero.Add("", {2}, {0});
  EXPECT_TRUE(zero.ByDelta().difference_ci95.has_value());
  EXPECT_FALSE(zero.ByDelta().relative.has_value());
  EXPECT_FALSE(zero.ByDelta().Passes(-10));
}

// A ratio whose denominators vary: the calibration.
TEST(PairedComparison, RatiosOfSums) {
  PairedComparison paired;
  paired.Add("", {0.5, 0}, {0.25, 0});
  paired.Add("", {0.5, 1}, {0.25, 1});
  EXPECT_EQ(*paired.ByDelta().a, 1);
  EXPECT_EQ(*paired.ByDelta().b, 0.5);
}

// Regrets of 300 auctions, of a user each or four to a user; heavy-tailed, and true means of .9 and 1.
PairedComparison Simulated(int run, bool clustered) {
  PairedComparison paired;
  base::RandomStream random(9, base::StreamId("paired_test"), static_cast<uint64_t>(run));
  for (int user = 0; user < 300; ++user) {
    const double common = random.LogNormal(-0.5 * 0.64, 0.8);  // of mean 1
    const double taste = 0.2 * random.Normal();
    for (int i = 0; i < (clustered ? 4 : 1); ++i) {
      const double b = common + 0.3 * random.Normal();
      paired.Add(clustered ? std::to_string(user) : "", {0.9 * common + taste + 0.3 * random.Normal()}, {b});
    }
  }
  return paired;
}

// In 930 to 970 of 1000 comparisons the 95 % interval holds the truth.
TEST(Coverage, IsWhatTheIntervalsSay) {
  for (const bool clustered : {false, true}) {
    int difference = 0, relative = 0, difference_bootstrap = 0, relative_bootstrap = 0;
    const auto holds = [](const std::optional<Interval>& ci, double truth) {
      return ci->lo <= truth && truth <= ci->hi;
    };
    for (int run = 0; run < 1000; ++run) {
      const PairedComparison paired = Simulated(run, clustered);
      const Comparison delta = paired.ByDelta(), bootstrap = paired.ByBootstrap(300, static_cast<uint64_t>(run));
      difference += holds(delta.difference_ci95, -0.1);
      relative += holds(delta.relative_ci95, -0.1);
      difference_bootstrap += holds(bootstrap.difference_ci95, -0.1);
      relative_bootstrap += holds(bootstrap.relative_ci95, -0.1);
    }
    for (const int covered : {difference, relative, difference_bootstrap, relative_bootstrap}) {
      EXPECT_GE(covered, 930) << clustered;
      EXPECT_LE(covered, 970) << clustered;
    }
  }
}

TEST(RegretRemoved, IsNothingOverAlmostNothing) {
  const auto of = [](double a, double b, double noise) {
    PairedComparison paired;
    for (int i = 0; i < 100; ++i) paired.Add("", {a}, {b + (i % 2 == 0 ? noise : -noise)});
    return paired.ByDelta();
  };
  // The standard error of b is noise / sqrt(99): .01 of it 3 standard errors away is .0302.
  EXPECT_NEAR(*of(.3, 1, .1).RegretRemoved(), .7, 1e-12);
  EXPECT_NEAR(of(.3, 1, .1).RegretRemovedCi95()->lo, .7 - 1.959963984540054 * .3 * .1 / std::sqrt(99), 1e-9);
  EXPECT_TRUE(of(.1, .0302, .1).RegretRemoved().has_value());
  EXPECT_FALSE(of(.1, .0301, .1).RegretRemoved().has_value());
  EXPECT_FALSE(of(.1, .0301, .1).RegretRemovedCi95().has_value());
  EXPECT_FALSE(of(.1, 0, 0).RegretRemoved().has_value());
}

TEST(Bootstrap, AgreesWithTheDeltaMethodAndRepeatsItself) {
  PairedComparison paired;
  base::RandomStream random(2, base::StreamId("paired_test"), 0);
  for (int i = 0; i < 400; ++i) {
    const double common = random.LogNormal(0, 0.5);
    paired.Add(std::to_string(i / 2), {1.1 * common + 0.3 * random.Normal()}, {common + 0.3 * random.Normal()});
  }
  const Comparison delta = paired.ByDelta();
  const Comparison bootstrap = paired.ByBootstrap(2000, 1);
  EXPECT_EQ(*bootstrap.relative, *delta.relative);
  const double width = delta.relative_ci95->hi - delta.relative_ci95->lo;
  EXPECT_NEAR(bootstrap.relative_ci95->lo, delta.relative_ci95->lo, 0.1 * width);
  EXPECT_NEAR(bootstrap.relative_ci95->hi, delta.relative_ci95->hi, 0.1 * width);
  EXPECT_EQ(paired.ByBootstrap(100, 1).relative_ci95->lo, paired.ByBootstrap(100, 1).relative_ci95->lo);
  EXPECT_NE(paired.ByBootstrap(100, 1).relative_ci95->lo, paired.ByBootstrap(100, 2).relative_ci95->lo);
}

TEST(PairedAuc, FindsTheBetterModel) {
  PairedAuc paired;
  base::RandomStream random(4, base::StreamId("paired_test"), 0);
  for (int i = 0; i < 500; ++i) {
    const double p = random.Uniform();
    const bool clicked = random.Bernoulli(p);
    paired.Add("", ScoredClick{p, clicked}, ScoredClick{p + random.Normal(), clicked});
  }
  paired.Add("", std::nullopt, std::nullopt);
  const Comparison c = paired.ByBootstrap(200, 1);
  EXPECT_EQ(c.auctions, 501);
  EXPECT_GT(*c.a, 0.75);  // 5/6 in expectation
  EXPECT_GT(c.difference_ci95->lo, 0);
  EXPECT_TRUE(c.Passes(0));
  EXPECT_EQ(c.method, "bootstrap");
}

}  // namespace
}  // namespace vickrey::metric
