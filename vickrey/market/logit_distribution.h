#ifndef VICKREY_MARKET_LOGIT_DISTRIBUTION_H_
#define VICKREY_MARKET_LOGIT_DISTRIBUTION_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace vickrey::market {

// The distribution of many logits in bins of 1/512, each with its mean: what is computed of it is off by less than
// 10^-6 of itself, however many there were. Not thread-safe.
class LogitDistribution {
 public:
  // `weight`: how many it stands for.
  void Add(double logit, double weight) {
    const double at = std::clamp((logit + kEnd) * kBins, 0.0, static_cast<double>(bins_.size() - 1));
    Bin& bin = bins_[static_cast<size_t>(at)];
    bin.weight += weight;
    bin.sum += weight * logit;
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
  struct Bin {
    double weight = 0, sum = 0;
  };
  std::vector<Bin> bins_ = std::vector<Bin>(static_cast<size_t>(2 * kEnd * kBins));
};

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_LOGIT_DISTRIBUTION_H_
