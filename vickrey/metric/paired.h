// Comparison of two models on the same auctions, with intervals.
#ifndef VICKREY_METRIC_PAIRED_H_
#define VICKREY_METRIC_PAIRED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/metric/auc.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/metric/moments.h"

namespace vickrey::metric {

struct Interval {
  double lo = 0;
  double hi = 0;
};

// What a comparison finds. a and b are the metric of the two models, difference = a - b, relative = (a - b) / b.
// Intervals are of 95 %, nothing where they are not defined (fewer than two clusters, b = 0).
struct Comparison {
  int64_t auctions = 0;
  int64_t clusters = 0;
  std::optional<double> a, b, difference, relative;
  std::optional<Interval> difference_ci95, relative_ci95;
  std::optional<double> b_standard_error;  // by the delta method; nothing for the AUC
  std::string_view method;                 // "delta" or "bootstrap"

  // For a metric that is a regret: 1 - a / b, the share of b's regret that a does not have. Nothing where b is less
  // than 3 of its standard errors: a ratio to almost nothing says nothing.
  std::optional<double> RegretRemoved() const;
  std::optional<Interval> RegretRemovedCi95() const;

  // Whether the low end of the relative interval is at least `margin` (-0.001: not worse by more than 0.1 %).
  bool Passes(double margin) const { return relative_ci95.has_value() && relative_ci95->lo >= margin; }
};

// How often each cluster counts in one resampling of the bootstrap: Next() is of cluster 0, then of 1, and so on.
// Counts are independent and Poisson of mean 1, by inversion of the distribution function at 64 uniform bits. Drawing
// as many clusters as there are with replacement gives each the same count in the limit; here, however, a count is a
// function of (seed, replicate, cluster) alone, whatever the number of clusters, and what is resampled never needs to
// be in one place (Chamandy, Muralidharan, Najmi, Naidu, "Estimating uncertainty for massive data streams", 2012). The
// number of clusters varies then too, which means and ratios of sums do not notice.
//
// Not thread-safe; make one for each replicate.
class ResamplingCounts {
 public:
  ResamplingCounts(uint64_t seed, int replicate)
      : random_(seed, base::StreamId("metric.bootstrap"), static_cast<uint64_t>(replicate)) {}

  int Next();

 private:
  base::RandomStream random_;
};

// A part of a ratio of sums: the metric of a model is sum of numerators / sum of denominators, a mean per auction where
// every denominator is 1, the calibration where they are clicks.
struct Ratio {
  double numerator = 0;
  double denominator = 1;
};

// Pairs the same auction under two models, in memory that grows with the clusters that have a name, 50 bytes and the
// name for each, and not with the auctions.
//
// Auctions of one cluster (a user, a page) are not independent: they are summed first, and clusters are what varies.
// Intervals are the delta method's: with e_g = (numerator_g - A denominator_g) / sum of denominators for cluster g, the
// variance of A - B is G / (G - 1) sum_g (eA_g - eB_g)^2, and that of A / B the same with eA_g / B - A eB_g / B^2,
// which holds their covariance. They are good where there are many clusters; with fewer than about 30, distrust them.
//
// Copyable; not thread-safe.
class PairedSums {
 public:
  // `cluster` empty: the auction is a cluster of its own.
  void Add(std::string_view cluster, Ratio a, Ratio b);
  // Auctions behind those here; clusters may go on in them.
  void Merge(const PairedSums& other);
  int64_t auctions() const { return auctions_; }
  Comparison ByDelta() const;

 private:
  using Sums = Moments<4>;  // numerators of a and b, their denominators

  Sums alone_;                                     // auctions without a cluster
  std::unordered_map<std::string, size_t> index_;  // cluster -> index into clusters_
  std::vector<Sums::Vector> clusters_;             // in the order of their first auction
  int64_t auctions_ = 0;
};

// The same over a whole run, in blocks (blocks.h), and by bootstrap if asked to. Not thread-safe.
class PairedComparison {
 public:
  // `resampled`: ByBootstrap will be called, for which every cluster is kept, 32 bytes and its name, those of one
  // auction as well.
  explicit PairedComparison(bool resampled = true) : resampled_(resampled) {}

  // `cluster` empty: the auction is a cluster of its own.
  void Add(std::string_view cluster, Ratio a, Ratio b);
  // An auction that has no outcome of one of them: it counts for nothing but the blocks.
  void Skip() { sums_.ForNextAuction(); }
  Comparison ByDelta() const;
  // Percentile intervals over `replicates` resamplings of whole clusters (ResamplingCounts), a function of `seed`. An
  // interval is nothing where the metric is not defined in a resampling. REQUIRES: resampled.
  Comparison ByBootstrap(int replicates, uint64_t seed) const;

 private:
  struct Cluster {
    double a_numerator = 0, a_denominator = 0, b_numerator = 0, b_denominator = 0;
  };

  const bool resampled_;
  Blocks<PairedSums> sums_;
  std::unordered_map<std::string, size_t> index_;  // cluster -> index into clusters_
  std::vector<Cluster> clusters_;                  // in the order of their first auction; empty unless resampled
};

// The same for the AUC of the rows that each model was shown (its winners), by bootstrap: it is no ratio of sums.
// Rows are sorted once, whatever the number of replicates. Not thread-safe.
class PairedAuc {
 public:
  void Add(std::string_view cluster, std::optional<ScoredClick> a, std::optional<ScoredClick> b);
  Comparison ByBootstrap(int replicates, uint64_t seed) const;

 private:
  std::unordered_map<std::string, size_t> index_;
  size_t clusters_ = 0;
  int64_t auctions_ = 0;
  std::vector<ClusteredClick> a_, b_;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_PAIRED_H_
