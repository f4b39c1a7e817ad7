#ifndef VICKREY_PRICE_WIN_CURVE_H_
#define VICKREY_PRICE_WIN_CURVE_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vickrey/price/distribution.h"

namespace vickrey::price {

// Whether the curve of winning, F(b) = P(price <= b), means what it says, over many impressions:
//
//   curve()              for each bid b: the mean F(b), and the share of the prices that were <= b (marginal
//                        calibration: what a landscape is drawn of)
//   marginal_error()     mean over the bids of |mean F(b) - share|
//   calibration_error()  the (impression, bid) pairs sorted into ten classes by F(b): the mean over the pairs of
//                        |mean F - share of wins| of their class (expected calibration error; conditional on what was
//                        said, so a head that says the same of every impression can have it 0, too)
//   pit()                histogram of the probability integral transform in ten equal classes, flat (.1 each) if
//                        calibrated. Prices have atoms: each observed price y spreads its weight evenly over
//                        [F(y-), F(y)] (Czado, Gneiting, Held, "Predictive model assessment for count data", 2009)
//   pit_error()          mean over the classes of |height - .1|
//
// Not thread-safe.
class CurveCalibration {
 public:
  static constexpr int kClasses = 10;
  struct Point {
    double bid = 0, predicted = 0, observed = 0;
  };

  // The bids to look at, rising.
  explicit CurveCalibration(std::span<const double> bids);

  void Add(const Distribution& distribution, double observed);

  int64_t count() const { return count_; }
  // All of the following are 0 where nothing was added.
  std::vector<Point> curve() const;
  double marginal_error() const;
  double calibration_error() const;
  std::array<double, kClasses> pit() const;
  double pit_error() const;

 private:
  struct Sums {
    double predicted = 0, observed = 0;
    int64_t count = 0;
  };

  std::vector<double> bids_;
  std::vector<Sums> by_bid_;
  std::array<Sums, kClasses> by_class_ = {};
  std::array<double, kClasses> pit_ = {};
  int64_t count_ = 0;
};

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_WIN_CURVE_H_
