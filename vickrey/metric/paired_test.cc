#include "vickrey/metric/paired.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
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

constexpr int kRuns = 1000;
constexpr double kTrueA = 1.1, kTrueB = 1;

// Auctions of 400 users with true means of 1.1 and 1, and a long tail: the values of a model have a standard deviation
// of 1.6 means and a kurtosis of 26. `clustered`: one or two of a user, who is lucky or not; `told`: by user. Of
// uniform numbers alone, which no change to how others are made of them moves.
PairedComparison Simulated(int run, bool clustered, bool told) {
  PairedComparison paired;
  base::RandomStream random(9, base::StreamId("paired_test"), static_cast<uint64_t>(run));
  for (int user = 0; user < 400; ++user) {
    const double luck_a = 2 * random.Uniform(), luck_b = 2 * random.Uniform();
    const int auctions = clustered ? 1 + static_cast<int>(random.Below(2)) : 1;
    const double common = -std::log(random.Uniform());
    for (int i = 0; i < auctions; ++i) {
      const double own = 2 * random.Uniform();
      paired.Add(told ? std::to_string(user) : "", {kTrueA * common * luck_a * own}, {kTrueB * common * luck_b * own});
    }
  }
  return paired;
}

// How many of kRuns intervals hold the truth.
struct Coverage {
  int difference = 0, relative = 0;

  void Count(const Comparison& c) {
    const auto holds = [](const Interval& ci, double truth) { return ci.lo <= truth && truth <= ci.hi; };
    difference += holds(*c.difference_ci95, kTrueA - kTrueB);
    relative += holds(*c.relative_ci95, kTrueA / kTrueB - 1);
  }
  void Check(const std::string& what) const {
    for (const int covered : {difference, relative}) {
      EXPECT_GE(covered, 930) << what;
      EXPECT_LE(covered, 970) << what;
    }
  }
};

TEST(Coverage, IsWhatTheIntervalsSay) {
  for (const bool clustered : {false, true}) {
    Coverage delta, bootstrap;
    for (int run = 0; run < kRuns; ++run) {
      const PairedComparison paired = Simulated(run, clustered, clustered);
      delta.Count(paired.ByDelta());
      bootstrap.Count(paired.ByBootstrap(200, static_cast<uint64_t>(run)));
    }
    delta.Check(clustered ? "delta, clustered" : "delta");
    bootstrap.Check(clustered ? "bootstrap, clustered" : "bootstrap");
  }
}

// As if the auctions of a cluster were independent, intervals are too narrow.
TEST(Coverage, NeedsTheClusters) {
  Coverage deceived;
  for (int run = 0; run < kRuns; ++run) deceived.Count(Simulated(run, true, false).ByDelta());
  EXPECT_LT(deceived.difference, 920);
  EXPECT_LT(deceived.relative, 920);
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
  EXPECT_FALSE(std::signbit(*of(1, 1, 0).RegretRemoved()));  // 0, not -0
  PairedComparison one;                                      // of one cluster the standard error is not known
  one.Add("", {.3}, {1});
  EXPECT_FALSE(one.ByDelta().RegretRemoved().has_value());
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

// From an independent Philox4x64-10 in Python, and the Poisson distribution function to 80 digits.
TEST(ResamplingCounts, AgreeWithAnotherImplementation) {
  const auto twenty = [](uint64_t seed, int replicate) {
    ResamplingCounts counts(seed, replicate);
    std::vector<int> found(20);
    for (int& count : found) count = counts.Next();
    return found;
  };
  EXPECT_EQ(twenty(1, 0), (std::vector<int>{1, 3, 2, 0, 1, 2, 1, 1, 0, 2, 1, 3, 0, 0, 0, 2, 0, 4, 1, 1}));
  EXPECT_EQ(twenty(7, 3), (std::vector<int>{1, 2, 0, 2, 0, 1, 0, 2, 0, 1, 1, 1, 0, 1, 0, 0, 2, 0, 1, 1}));
}

TEST(ResamplingCounts, ArePoisson) {
  constexpr int kDraws = 1'000'000;
  std::vector<int> times(30);
  ResamplingCounts counts(3, 1);
  for (int i = 0; i < kDraws; ++i) ++times[counts.Next()];
  double probability = std::exp(-1.0);
  for (int k = 0; k < 8; probability /= ++k) {
    const double expected = kDraws * probability;
    EXPECT_NEAR(times[k], expected, 4 * std::sqrt(expected)) << k;
  }
}

// Counts are the cluster's own: more clusters change nothing of them.
TEST(Bootstrap, IsTheMetricWithEachClusterCounted) {
  const PairedComparison paired = Example(true);
  std::vector<double> relatives;
  for (int replicate = 0; replicate < 199; ++replicate) {
    ResamplingCounts counts(5, replicate);
    std::map<std::string, int> times;
    for (const char* cluster : {"u", "v", "w", "x"}) times[cluster] = counts.Next();
    double a = 0, b = 0;
    for (size_t i = 0; i < kA.size(); ++i) a += times[kClusters[i]] * kA[i], b += times[kClusters[i]] * kB[i];
    if (b > 0) relatives.push_back(a / b - 1);  // 0: a resampling of nothing is none
  }
  std::sort(relatives.begin(), relatives.end());
  ASSERT_EQ(relatives.size(), 199 - 4);
  const Comparison c = paired.ByBootstrap(199, 5);
  // Ranks .025 x 196 = 4.9 and .975 x 196 = 191.1, from 1.
  EXPECT_NEAR(c.relative_ci95->lo, relatives[3] + .9 * (relatives[4] - relatives[3]), 1e-12);
  EXPECT_NEAR(c.relative_ci95->hi, relatives[190] + .1 * (relatives[191] - relatives[190]), 1e-12);
}

// Against counting pairs in each resampling.
TEST(PairedAuc, IsTheAucOfEachResampling) {
  constexpr int kAuctions = 60, kReplicates = 39;
  PairedAuc paired;
  std::vector<ScoredClick> a(kAuctions), b(kAuctions);
  base::RandomStream random(5, base::StreamId("paired_test"), 0);
  const auto cluster = [](int i) { return i / 3; };
  for (int i = 0; i < kAuctions; ++i) {
    a[i] = {static_cast<double>(random.Below(8)), random.Bernoulli(0.3)};  // many ties
    b[i] = {static_cast<double>(random.Below(8)), random.Bernoulli(0.3)};
    paired.Add(std::to_string(cluster(i)), a[i], b[i]);
  }
  const auto auc = [&](const std::vector<ScoredClick>& rows, const std::vector<int>& times) {
    double wins = 0, pairs = 0;
    for (int i = 0; i < kAuctions; ++i) {
      for (int j = 0; j < kAuctions; ++j) {
        if (!rows[i].clicked || rows[j].clicked) continue;
        const double both = times[cluster(i)] * times[cluster(j)];
        pairs += both;
        wins += both * (rows[i].score > rows[j].score ? 1 : rows[i].score == rows[j].score ? 0.5 : 0);
      }
    }
    return wins / pairs;
  };
  std::vector<double> differences;
  for (int replicate = 0; replicate < kReplicates; ++replicate) {
    ResamplingCounts counts(2, replicate);
    std::vector<int> times(kAuctions / 3);
    for (int& count : times) count = counts.Next();
    differences.push_back(auc(a, times) - auc(b, times));
  }
  const std::vector<int> once(kAuctions / 3, 1);
  const Comparison c = paired.ByBootstrap(kReplicates, 2);
  EXPECT_NEAR(*c.a, auc(a, once), 1e-12);
  EXPECT_NEAR(*c.b, auc(b, once), 1e-12);
  // Of 39 replicates the 2.5 % and 97.5 % quantiles are the first and the last.
  const auto [least, most] = std::minmax_element(differences.begin(), differences.end());
  EXPECT_NEAR(c.difference_ci95->lo, *least, 1e-12);
  EXPECT_NEAR(c.difference_ci95->hi, *most, 1e-12);
  EXPECT_FALSE(c.b_standard_error.has_value());
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

// By moments, in blocks that were accumulated apart and merged in order: the formula over all clusters at hand, whose
// means are far from 0; and to the bit what one run over all of them finds.
TEST(PairedSums, MergedAgreeWithTheFormulaAndWithOneRun) {
  constexpr int kAuctions = 10'000;
  for (const bool clustered : {false, true}) {
    PairedComparison whole(/*resampled=*/false);
    PairedSums merged, block;
    std::vector<std::array<double, 4>> clusters(clustered ? 700 : kAuctions);
    for (int i = 0; i < kAuctions; ++i) {
      base::RandomStream random(9, base::StreamId("paired_test.merge"), static_cast<uint64_t>(i));
      const double common = 1000 + random.Normal();
      const Ratio a{common + .1 * random.Normal(), 1 + random.Uniform()}, b{common + .1 * random.Normal(), 1.5};
      const size_t g = clustered ? random.Below(700) : static_cast<size_t>(i);
      const std::string name = clustered ? std::to_string(g) : "";
      whole.Add(name, a, b);
      block.Add(name, a, b);
      if ((i + 1) % kBlockAuctions == 0 || i + 1 == kAuctions) {
        merged.Merge(block);
        block = PairedSums();
      }
      const double x[] = {a.numerator, a.denominator, b.numerator, b.denominator};
      for (int k = 0; k < 4; ++k) clusters[g][k] += x[k];
    }
    const Comparison found = merged.ByDelta(), one = whole.ByDelta();
    EXPECT_EQ(found.clusters, static_cast<int64_t>(clusters.size()));
    EXPECT_EQ(found.difference_ci95->lo, one.difference_ci95->lo);
    EXPECT_EQ(found.relative_ci95->hi, one.relative_ci95->hi);
    std::array<double, 4> sum = {};
    for (const auto& c : clusters) {
      for (int k = 0; k < 4; ++k) sum[k] += c[k];
    }
    const double a = sum[0] / sum[1], b = sum[2] / sum[3];
    double squares = 0, relative = 0;
    for (const auto& c : clusters) {
      const double e_a = (c[0] - a * c[1]) / sum[1], e_b = (c[2] - b * c[3]) / sum[3];
      squares += (e_a - e_b) * (e_a - e_b);
      relative += std::pow(e_a / b - a * e_b / b / b, 2);
    }
    const auto n = static_cast<double>(clusters.size());
    const auto half = [n](double s) { return 1.959963984540054 * std::sqrt(n / (n - 1) * s); };
    EXPECT_NEAR(*found.difference, a - b, 1e-9);
    EXPECT_NEAR((found.difference_ci95->hi - found.difference_ci95->lo) / 2, half(squares), 1e-9 * half(squares));
    EXPECT_NEAR((found.relative_ci95->hi - found.relative_ci95->lo) / 2, half(relative), 1e-9 * half(relative));
  }
}

}  // namespace
}  // namespace vickrey::metric
