#ifndef VICKREY_PRICE_FLOOR_H_
#define VICKREY_PRICE_FLOOR_H_

#include <span>
#include <vector>

#include "vickrey/price/distribution.h"
#include "vickrey/price/tokens.h"

namespace vickrey::price {

// What becomes of the part of a distribution that lies below the floor of an auction. A floor is known before bidding:
// no bid below it wins, and whoever wins pays at least that.
enum class FloorLaw {
  // It was wrong: P(p | p >= floor), the rest in proportion. For a distribution of what is paid.
  kCondition,
  // It is paid at the floor: the price is max(p, floor). For a distribution of the highest of the others' bids, which
  // is what the price would be without a floor.
  kClamp,
};

// A distribution over a coding's support, given the floor: no price below it has a probability, so P(price <= bid) is 0
// for a lower bid, and score, bid and density are by what is left. A floor of 0 changes nothing, to the bit.
//
// Where what is left to condition on is below kLeastMass, the forecast says only that the price is as low as it can be,
// and it is the floor with probability 1: probabilities sum to 1 within that tolerance (Distribution::Check), so less
// than it is rounding, not a forecast.
//
// A token that the floor cuts keeps the atoms that are no less than the floor. One that has none there (an atom is the
// mean of several prices, or a price that was rounded) keeps the share of its width, at the floor itself. Its density
// is by the width that is left, so that densities integrate to 1.
//
// Not thread-safe: it holds the distribution that it made last.
class FlooredDistribution {
 public:
  static constexpr double kLeastMass = 1e-6;

  // `coding` must outlive it.
  FlooredDistribution(const Coding* coding, FloorLaw law) : coding_(coding), law_(law) {}

  // `probabilities`: of the coding's support; must outlive what is shown. REQUIRES: the coding holds the floor, which
  // is at least 0.
  void Set(std::span<const double> probabilities, double floor);

  // Of the last Set; valid until the next.
  Distribution distribution() const { return {prices_, kept_}; }
  // The logarithm of the density at a price, as Coding::LogDensityAt. REQUIRES: it is no less than the floor, and the
  // coding holds it.
  double LogDensityAt(double price) const;

 private:
  const Coding* const coding_;
  const FloorLaw law_;
  double floor_ = 0;
  std::span<const double> probabilities_, prices_, kept_;
  // Where there is a floor.
  std::vector<double> own_prices_, own_kept_;
  Coding::Cell cell_;      // of the floor
  double cell_mass_ = 0;   // what is kept of it
  double rest_scale_ = 1;  // what probabilities beyond it are multiplied with
};

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_FLOOR_H_
