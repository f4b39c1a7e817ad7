#ifndef VICKREY_PRICE_DISTRIBUTION_H_
#define VICKREY_PRICE_DISTRIBUTION_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace vickrey::price {

// A discrete distribution over prices p_1 < ... < p_n with the probabilities P_1 .. P_n: what a head says the market
// price of an impression will be. F(b) = P(price <= b) is at once the curve of winning: the probability that a bid of b
// wins, where a bid equal to the price does.
//
// A view, cheap to copy; what it shows must outlive it. Thread-safe.
class Distribution {
 public:
  // REQUIRES: Check(prices, probabilities) is good.
  Distribution(std::span<const double> prices, std::span<const double> probabilities)
      : prices_(prices), probabilities_(probabilities) {}

  // INVALID_ARGUMENT if there is nothing, the lengths differ, prices do not rise or are not finite, a probability is
  // not in [0, 1], or their sum is further than 1e-6 from 1.
  static absl::Status Check(std::span<const double> prices, std::span<const double> probabilities);

  std::span<const double> prices() const { return prices_; }
  std::span<const double> probabilities() const { return probabilities_; }

  double Mean() const;
  // The least price p with F(p) >= q; the greatest where rounding leaves F below q. `q` in (0, 1].
  double Quantile(double q) const;
  double Median() const { return Quantile(.5); }

  // F(bid) and, below it, P(price < bid).
  double WinProbability(double bid) const;
  double ProbabilityBelow(double price) const;
  // sum over p_k <= bid of P_k p_k: what a bid pays on average in a second-price auction, lost ones (0) included.
  double ExpectedPayment(double bid) const;

  // The continuous ranked probability score of an observed price y, in units of the price, the less the better:
  // integral (F(x) - 1{y <= x})^2 dx = sum_k P_k |p_k - y| - sum_{k<l} P_k P_l (p_l - p_k), exact for a discrete
  // distribution (Gneiting, Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007, eq. 21). Of a
  // point forecast it is the absolute error. Computed as the integral, piece by piece: no difference of large sums.
  double Crps(double observed) const;

 private:
  std::span<const double> prices_, probabilities_;
};

// The logarithm of the density that a token of probability p and width w (in units of the price) gives its prices,
// log(p / w): so heads with tokens of different widths are compared by one measure. A probability below 1e-12 counts as
// 1e-12, so that one price that a head ruled out does not make its mean minus infinity.
double LogDensity(double probability, double width);

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_DISTRIBUTION_H_
