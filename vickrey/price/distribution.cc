#include "vickrey/price/distribution.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"

namespace vickrey::price {
namespace {

constexpr double kSumTolerance = 1e-6;
constexpr double kLeastProbability = 1e-12;

}  // namespace

absl::Status Distribution::Check(std::span<const double> prices, std::span<const double> probabilities) {
  if (prices.empty()) return base::InvalidField("prices", "there are none");
  if (prices.size() != probabilities.size()) {
    return base::InvalidField("probabilities",
                              absl::StrCat("has ", probabilities.size(), " entries; prices has ", prices.size()));
  }
  double sum = 0;
  for (size_t k = 0; k < prices.size(); ++k) {
    if (!std::isfinite(prices[k]) || (k > 0 && prices[k] <= prices[k - 1])) {
      return base::InvalidField(absl::StrCat("prices[", k, "]"),
                                absl::StrCat(base::ShortestDecimal(prices[k]),
                                             k > 0 ? " is not above the one before, or not finite" : " is not finite"));
    }
    if (!(probabilities[k] >= 0 && probabilities[k] <= 1 + kSumTolerance)) {
      return base::InvalidField(absl::StrCat("probabilities[", k, "]"),
                                absl::StrCat(base::ShortestDecimal(probabilities[k]), " is not in [0, 1]"));
    }
    sum += probabilities[k];
  }
  if (std::abs(sum - 1) > kSumTolerance) {
    return base::InvalidField("probabilities", absl::StrCat("have the sum ", base::ShortestDecimal(sum), ", not 1"));
  }
  return absl::OkStatus();
}

double Distribution::Mean() const {
  double mean = 0;
  for (size_t k = 0; k < prices_.size(); ++k) mean += probabilities_[k] * prices_[k];
  return mean;
}

double Distribution::Quantile(double q) const {
  double below = 0;
  for (size_t k = 0; k < prices_.size(); ++k) {
    below += probabilities_[k];
    if (below >= q) return prices_[k];
  }
  return prices_.back();
}

double Distribution::WinProbability(double bid) const {
  double sum = 0;
  for (size_t k = 0; k < prices_.size() && prices_[k] <= bid; ++k) sum += probabilities_[k];
  return std::min(sum, 1.0);
}

double Distribution::ProbabilityBelow(double price) const {
  double sum = 0;
  for (size_t k = 0; k < prices_.size() && prices_[k] < price; ++k) sum += probabilities_[k];
  return std::min(sum, 1.0);
}

double Distribution::ExpectedPayment(double bid) const {
  double sum = 0;
  for (size_t k = 0; k < prices_.size() && prices_[k] <= bid; ++k) sum += probabilities_[k] * prices_[k];
  return sum;
}

double Distribution::Crps(double observed) const {
  // Between two neighbours F is constant, and the observed price cuts one such piece, or lies outside of all.
  double crps = std::max(prices_.front() - observed, 0.0) + std::max(observed - prices_.back(), 0.0);
  double below = 0;
  for (size_t k = 0; k + 1 < prices_.size(); ++k) {
    below += probabilities_[k];
    const double cut = std::clamp(observed, prices_[k], prices_[k + 1]);
    crps += below * below * (cut - prices_[k]) + (1 - below) * (1 - below) * (prices_[k + 1] - cut);
  }
  return crps;
}

double LogDensity(double probability, double width) {
  return std::log(std::max(probability, kLeastProbability)) - std::log(width);
}

}  // namespace vickrey::price
