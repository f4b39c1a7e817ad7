#include "vickrey/price/choose.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "vickrey/price/bid.h"

namespace vickrey::price {
namespace {

constexpr int kShares = 50;

}  // namespace

double BestThreshold(std::span<const double> forecasts, std::span<const double> profits) {
  std::vector<size_t> order(forecasts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return forecasts[a] > forecasts[b]; });
  double best = forecasts[order.front()], most = 0, sum = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    sum += profits[order[i]];
    const double last = forecasts[order[i]];
    const bool is_lowest = i + 1 == order.size();
    if (!is_lowest && forecasts[order[i + 1]] == last) continue;  // equal forecasts are bought together
    if (sum <= most) continue;
    most = sum;
    best = is_lowest ? std::nextafter(last, -std::numeric_limits<double>::infinity())
                     : forecasts[order[i + 1]] + (last - forecasts[order[i + 1]]) / 2;
  }
  return best;
}

double BestShare(std::span<const double> values, std::span<const double> prices, std::span<const double> floors,
                 double fee) {
  double best = 1.0 / kShares, most = 0;
  for (int k = 1; k <= kShares; ++k) {
    const double share = static_cast<double>(k) / kShares;
    double profit = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double bid = ShadedBid(share, values[i], fee, floors[i]);
      if (bid >= prices[i]) profit += values[i] - fee - bid;
    }
    if (profit > most) {
      most = profit;
      best = share;
    }
  }
  return best;
}

}  // namespace vickrey::price
