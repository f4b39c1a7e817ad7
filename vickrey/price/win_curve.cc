#include "vickrey/price/win_curve.h"

#include <algorithm>
#include <cmath>

namespace vickrey::price {

CurveCalibration::CurveCalibration(std::span<const double> bids)
    : bids_(bids.begin(), bids.end()), by_bid_(bids.size()) {}

void CurveCalibration::Add(const Distribution& distribution, double observed) {
  ++count_;
  const std::span<const double> prices = distribution.prices(), probabilities = distribution.probabilities();
  size_t k = 0;
  double won = 0;
  for (size_t b = 0; b < bids_.size(); ++b) {  // one walk up the curve for all bids
    for (; k < prices.size() && prices[k] <= bids_[b]; ++k) won += probabilities[k];
    const double predicted = std::min(won, 1.0), wins = observed <= bids_[b] ? 1 : 0;
    const int place = std::min(static_cast<int>(predicted * kClasses), kClasses - 1);
    for (Sums* sums : {&by_bid_[b], &by_class_[place]}) {
      sums->predicted += predicted;
      sums->observed += wins;
      ++sums->count;
    }
  }
  const double low = distribution.ProbabilityBelow(observed), high = distribution.WinProbability(observed);
  for (int c = 0; c < kClasses; ++c) {
    const double begin = c / static_cast<double>(kClasses), end = (c + 1) / static_cast<double>(kClasses);
    if (high > low) {
      pit_[c] += std::max(0.0, std::min(end, high) - std::max(begin, low)) / (high - low);
    } else if (low >= begin && (low < end || c == kClasses - 1)) {
      pit_[c] += 1;  // a price that the distribution does not have
    }
  }
}

std::vector<CurveCalibration::Point> CurveCalibration::curve() const {
  std::vector<Point> points;
  for (size_t b = 0; b < bids_.size(); ++b) {
    const auto n = static_cast<double>(std::max<int64_t>(by_bid_[b].count, 1));
    points.push_back({bids_[b], by_bid_[b].predicted / n, by_bid_[b].observed / n});
  }
  return points;
}

double CurveCalibration::marginal_error() const {
  double sum = 0;
  for (const Point& point : curve()) sum += std::abs(point.predicted - point.observed);
  return bids_.empty() ? 0 : sum / static_cast<double>(bids_.size());
}

double CurveCalibration::calibration_error() const {
  double sum = 0, pairs = 0;
  for (const Sums& sums : by_class_) {
    sum += std::abs(sums.predicted - sums.observed);
    pairs += static_cast<double>(sums.count);
  }
  return pairs == 0 ? 0 : sum / pairs;
}

std::array<double, CurveCalibration::kClasses> CurveCalibration::pit() const {
  std::array<double, kClasses> shares = {};
  for (int c = 0; c < kClasses && count_ > 0; ++c) shares[c] = pit_[c] / static_cast<double>(count_);
  return shares;
}

double CurveCalibration::pit_error() const {
  double sum = 0;
  for (const double share : pit()) sum += count_ == 0 ? 0 : std::abs(share - 1.0 / kClasses);
  return sum / kClasses;
}

}  // namespace vickrey::price
