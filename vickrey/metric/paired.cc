#include "vickrey/metric/paired.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace vickrey::metric {
namespace {

constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution

// The cluster's number; `next` where it is new or stands alone.
size_t NumberOf(std::string_view cluster, size_t next, std::unordered_map<std::string, size_t>* index) {
  if (cluster.empty()) return next;
  return index->try_emplace(std::string(cluster), next).first->second;
}

std::optional<double> Divide(double numerator, double denominator) {
  if (denominator == 0) return std::nullopt;
  return numerator / denominator;
}

// a, b, difference and relative.
void SetPoint(std::optional<double> a, std::optional<double> b, Comparison* c) {
  c->a = a;
  c->b = b;
  if (!a.has_value() || !b.has_value()) return;
  c->difference = *a - *b;
  c->relative = Divide(*c->difference, *b);
}

// 2^64 P(X <= k) of the Poisson distribution of mean 1, to the nearest number: e^-1 2^64 sum_{j <= k} 1 / j!. From k =
// 20 on it is 2^64, which no uniform number reaches.
constexpr std::array<uint64_t, 20> kPoisson = {
    0x5e2d58d8b3bcdf1b, 0xbc5ab1b16779be35, 0xeb715e1dc1582dc3, 0xfb23979734a252f2, 0xff1025f59174dc3e,
    0xffd90f3ba4055e1a, 0xfffa8b71fc72c914, 0xffff540c0914b3ca, 0xffffed1f4aa8f120, 0xfffffe216e641463,
    0xffffffd4d85d3183, 0xfffffffc6da262b5, 0xffffffffba12d179, 0xfffffffffb07c64d, 0xffffffffffab8ea5,
    0xfffffffffffabe22, 0xffffffffffffb11a, 0xfffffffffffffba1, 0xffffffffffffffc5, 0xfffffffffffffffd};

// The quantile of sorted values, with linear interpolation between order statistics: the k-th of n estimates that of
// k / (n + 1), as for bootstrap intervals in Davison, Hinkley, "Bootstrap Methods and their Application", 1997, 5.2.1.
double Quantile(const std::vector<double>& sorted, double q) {
  const auto n = static_cast<double>(sorted.size());
  const double at = std::clamp(q * (n + 1), 1.0, n) - 1;
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::optional<Interval> Percentiles(std::vector<double> values) {
  if (values.size() < 2) return std::nullopt;
  std::sort(values.begin(), values.end());
  return Interval{Quantile(values, 0.025), Quantile(values, 0.975)};
}

// Fills in the intervals of `c` from replicates: `replicate(times)` gives a and b of one resampling.
template <typename F>
void Bootstrap(size_t clusters, int replicates, uint64_t seed, F replicate, Comparison* c) {
  c->method = "bootstrap";
  if (clusters < 2) return;
  std::vector<double> times(clusters), differences, relatives;
  size_t samples = 0;
  for (int r = 0; r < replicates; ++r) {
    ResamplingCounts counts(seed, r);
    bool empty = true;
    for (double& count : times) {
      count = counts.Next();
      empty = empty && count == 0;
    }
    if (empty) continue;  // no sample: e^-clusters of them
    ++samples;
    Comparison point;
    const auto [a, b] = replicate(times);
    SetPoint(a, b, &point);
    if (point.difference.has_value()) differences.push_back(*point.difference);
    if (point.relative.has_value()) relatives.push_back(*point.relative);
  }
  // A resampling in which the metric is not defined says nothing of where it lies: the interval would be too narrow.
  if (differences.size() == samples) c->difference_ci95 = Percentiles(std::move(differences));
  if (relatives.size() == samples) c->relative_ci95 = Percentiles(std::move(relatives));
}

}  // namespace

int ResamplingCounts::Next() {
  const uint64_t bits = random_.Bits();
  size_t k = 0;
  while (k < kPoisson.size() && bits >= kPoisson[k]) ++k;
  return static_cast<int>(k);
}

std::optional<double> Comparison::RegretRemoved() const {
  constexpr double kClear = 3;  // standard errors
  if (!relative.has_value() || !b_standard_error.has_value() || *b < kClear * *b_standard_error) return std::nullopt;
  return 0 - *relative;  // not -0
}

std::optional<Interval> Comparison::RegretRemovedCi95() const {
  if (!RegretRemoved().has_value() || !relative_ci95.has_value()) return std::nullopt;
  return Interval{0 - relative_ci95->hi, 0 - relative_ci95->lo};
}

void PairedSums::Add(std::string_view cluster, Ratio a, Ratio b) {
  ++auctions_;
  const Sums::Vector x = {a.numerator, b.numerator, a.denominator, b.denominator};
  if (cluster.empty()) {
    alone_.Add(x);
    return;
  }
  const size_t i = NumberOf(cluster, clusters_.size(), &index_);
  if (i == clusters_.size()) clusters_.push_back({});
  for (size_t k = 0; k < x.size(); ++k) clusters_[i][k] += x[k];
}

void PairedSums::Merge(const PairedSums& other) {
  auctions_ += other.auctions_;
  alone_.Merge(other.alone_);
  std::vector<const std::string*> names(other.clusters_.size());
  for (const auto& [name, i] : other.index_) names[i] = &name;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t at = NumberOf(*names[i], clusters_.size(), &index_);
    if (at == clusters_.size()) clusters_.push_back({});
    for (size_t k = 0; k < clusters_[at].size(); ++k) clusters_[at][k] += other.clusters_[i][k];
  }
}

Comparison PairedSums::ByDelta() const {
  Sums sums = alone_;
  for (const Sums::Vector& cluster : clusters_) sums.Add(cluster);
  Comparison c{.auctions = auctions_, .clusters = sums.n(), .method = "delta"};
  const double a_denominator = sums.sum(2), b_denominator = sums.sum(3);
  SetPoint(Divide(sums.sum(0), a_denominator), Divide(sums.sum(1), b_denominator), &c);
  if (!c.difference.has_value() || sums.n() < 2) return c;
  const auto n = static_cast<double>(sums.n());
  const auto error = [&](const Sums::Vector& w) { return std::sqrt(n / (n - 1) * sums.SquaresOf(w)); };
  const auto around = [](double center, double half) { return Interval{center - kZ * half, center + kZ * half}; };
  // e_a and e_b as functions of a cluster's sums.
  const double a = 1 / a_denominator, b = 1 / b_denominator;
  c.b_standard_error = error({0, b, 0, -*c.b * b});
  c.difference_ci95 = around(*c.difference, error({a, -b, -*c.a * a, *c.b * b}));
  if (c.relative.has_value()) {
    const double r = *c.a / *c.b;
    c.relative_ci95 = around(*c.relative, error({a / *c.b, -r * b / *c.b, -*c.a * a / *c.b, r * *c.b * b / *c.b}));
  }
  return c;
}

void PairedComparison::Add(std::string_view cluster, Ratio a, Ratio b) {
  sums_.ForNextAuction().Add(cluster, a, b);
  if (!resampled_) return;
  const size_t i = NumberOf(cluster, clusters_.size(), &index_);
  if (i == clusters_.size()) clusters_.emplace_back();
  clusters_[i].a_numerator += a.numerator;
  clusters_[i].a_denominator += a.denominator;
  clusters_[i].b_numerator += b.numerator;
  clusters_[i].b_denominator += b.denominator;
}

Comparison PairedComparison::ByDelta() const {
  Blocks<PairedSums> sums = sums_;
  return sums.Total().ByDelta();
}

Comparison PairedComparison::ByBootstrap(int replicates, uint64_t seed) const {
  Comparison c = ByDelta();
  c.difference_ci95.reset();
  c.relative_ci95.reset();
  Bootstrap(
      clusters_.size(), replicates, seed,
      [this](const std::vector<double>& times) {
        Cluster sum;
        for (size_t g = 0; g < clusters_.size(); ++g) {
          sum.a_numerator += times[g] * clusters_[g].a_numerator;
          sum.a_denominator += times[g] * clusters_[g].a_denominator;
          sum.b_numerator += times[g] * clusters_[g].b_numerator;
          sum.b_denominator += times[g] * clusters_[g].b_denominator;
        }
        return std::pair(Divide(sum.a_numerator, sum.a_denominator), Divide(sum.b_numerator, sum.b_denominator));
      },
      &c);
  return c;
}

void PairedAuc::Add(std::string_view cluster, std::optional<ScoredClick> a, std::optional<ScoredClick> b) {
  const size_t i = NumberOf(cluster, clusters_, &index_);
  clusters_ = std::max(clusters_, i + 1);
  ++auctions_;
  if (a.has_value()) a_.push_back({a->score, a->clicked, i});
  if (b.has_value()) b_.push_back({b->score, b->clicked, i});
}

Comparison PairedAuc::ByBootstrap(int replicates, uint64_t seed) const {
  Comparison c{.auctions = auctions_, .clusters = static_cast<int64_t>(clusters_)};
  std::vector<ClusteredClick> a = a_, b = b_;
  SortByScore(&a);
  SortByScore(&b);
  const auto both = [&](const std::vector<double>& times) {
    return std::pair(ResampledAuc(a, times), ResampledAuc(b, times));
  };
  const auto [of_a, of_b] = both(std::vector<double>(clusters_, 1));
  SetPoint(of_a, of_b, &c);
  Bootstrap(clusters_, replicates, seed, both, &c);
  return c;
}

}  // namespace vickrey::metric
