#include "vickrey/price/floor.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace vickrey::price {

void FlooredDistribution::Set(std::span<const double> probabilities, double floor) {
  const std::span<const double> support = coding_->support();
  floor_ = floor;
  probabilities_ = kept_ = probabilities;
  prices_ = support;
  if (!(floor > 0)) return;
  const auto sum = [&](size_t begin, size_t end) {
    return begin < end ? std::accumulate(probabilities.begin() + static_cast<std::ptrdiff_t>(begin),
                                         probabilities.begin() + static_cast<std::ptrdiff_t>(end), 0.0)
                       : 0.0;
  };
  cell_ = coding_->CellOf(floor);
  const auto first = static_cast<size_t>(std::lower_bound(support.begin(), support.end(), floor) - support.begin());
  double at_floor = 0;  // besides what an atom there has
  if (law_ == FloorLaw::kClamp) {
    at_floor = sum(0, first);
  } else if (first >= cell_.end) {
    at_floor = sum(cell_.begin, cell_.end) * cell_.above / cell_.width;
  }
  const double left = at_floor + sum(first, support.size());
  own_prices_.clear();
  own_kept_.clear();
  if (left < kLeastMass) {
    own_prices_ = {floor};
    own_kept_ = {1};
    cell_mass_ = 1;
    rest_scale_ = 0;
  } else {
    if (at_floor > 0) {
      own_prices_.push_back(floor);
      own_kept_.push_back(at_floor / left);
    }
    for (size_t k = first; k < support.size(); ++k) {
      if (!own_prices_.empty() && support[k] == own_prices_.back()) {
        own_kept_.back() += probabilities[k] / left;
        continue;
      }
      own_prices_.push_back(support[k]);
      own_kept_.push_back(probabilities[k] / left);
    }
    cell_mass_ = (at_floor + sum(first, cell_.end)) / left;
    rest_scale_ = 1 / left;
  }
  prices_ = own_prices_;
  kept_ = own_kept_;
}

double FlooredDistribution::LogDensityAt(double price) const {
  if (!(floor_ > 0)) return coding_->LogDensityAt(probabilities_, price);
  const Coding::Cell cell = coding_->CellOf(price);
  if (cell.begin == cell_.begin) return LogDensity(cell_mass_, cell_.above);
  double mass = 0;
  for (size_t k = cell.begin; k < cell.end; ++k) mass += probabilities_[k];
  return LogDensity(mass * rest_scale_, cell.width);
}

}  // namespace vickrey::price
