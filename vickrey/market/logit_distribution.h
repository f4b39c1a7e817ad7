#ifndef VICKREY_MARKET_LOGIT_DISTRIBUTION_H_
#define VICKREY_MARKET_LOGIT_DISTRIBUTION_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "vickrey/market/scenario.h"

namespace vickrey::market {

// A mixture of any number of normal laws, in bins of 1/512, each with its mean: what is computed of it is off by less
// than 10^-6 of itself by that. Not thread-safe.
class LogitDistribution {
 public:
  LogitDistribution() : bins_(static_cast<size_t>(2 * kEnd * kBins)) {
    for (int i = -kSteps; i <= kSteps; ++i) points_.push_back({kStep * i, std::exp(-.5 * (kStep * i) * (kStep * i))});
    double sum = 0;
    for (const auto& point : points_) sum += point.share;
    for (auto& point : points_) point.share /= sum;
  }

  // A normal law stands for its values in steps of a quarter of its deviation, the trapezoidal rule: the mean of a
  // sigmoid is off by some exp(-2 pi^2 / (deviation x step)) of itself, 10^-4 for a deviation of 8.
  void Add(const NormalPart& part) {
    if (part.weight == 0) return;
    if (part.variance == 0) {
      AddValue(part.mean, part.weight);
      return;
    }
    const double deviation = std::sqrt(part.variance);
    for (const auto& [at, share] : points_) AddValue(part.mean + deviation * at, part.weight * share);
  }

  // The mean of sigmoid(intercept + logit), and its derivative by the intercept.
  struct Mean {
    double mean = 0, slope = 0;
  };
  Mean MeanSigmoid(double intercept) const {
    Mean result;
    double total = 0;
    for (const Bin& bin : bins_) {
      if (bin.weight == 0) continue;
      const double p = 1 / (1 + std::exp(-(intercept + bin.sum / bin.weight)));
      result.mean += bin.weight * p;
      result.slope += bin.weight * p * (1 - p);
      total += bin.weight;
    }
    return {result.mean / total, result.slope / total};
  }

 private:
  static constexpr double kEnd = 60, kBins = 512;  // a unit
  static constexpr double kStep = .25;
  static constexpr int kSteps = 28;  // on either side: to 7 deviations

  struct Bin {
    double weight = 0, sum = 0;
  };
  struct Point {
    double at = 0, share = 0;  // in deviations; of the law
  };

  void AddValue(double logit, double weight) {
    const double at = std::clamp((logit + kEnd) * kBins, 0.0, static_cast<double>(bins_.size() - 1));
    Bin& bin = bins_[static_cast<size_t>(at)];
    bin.weight += weight;
    bin.sum += weight * logit;
  }

  std::vector<Bin> bins_;
  std::vector<Point> points_;
};

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_LOGIT_DISTRIBUTION_H_
