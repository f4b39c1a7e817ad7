#ifndef VICKREY_SERIES_STRATEGY_H_
#define VICKREY_SERIES_STRATEGY_H_

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::series {

// Which positions there are: 1 (long) and 0, or also -1 (short).
enum class Directions { kLongOnly, kLongAndShort };

// Four levels that a forecast of the next return is compared with. All 0: long where a rise is forecast, short where a
// fall is. Apart from one another they save costs: a small change of the forecast changes no position.
struct Thresholds {
  double enter_long = 0;   // a forecast above it: go long
  double exit_long = 0;    // below it: leave a long position
  double enter_short = 0;  // below it: go short
  double exit_short = 0;   // above it: leave a short position

  // REQUIRES, else INVALID_ARGUMENT naming the field:
  //
  //   enter_short <= exit_long <= enter_long    and    enter_short <= exit_short <= enter_long
  //
  // With exit_long above enter_long a forecast between them would enter what it leaves, in and out with every period.
  // With exit_long below enter_short a forecast between them would hold a long position and go short. For exit_short
  // alike; either exit may be the greater. Levels may be infinite (enter_long = infinity: never long), not NaN. With
  // kLongOnly the levels of short positions are not looked at.
  absl::Status Validate(Directions directions) const;

  friend bool operator==(const Thresholds&, const Thresholds&) = default;
};

// Positions from forecasts, one period after the other. Before the first the position is 0:
//
//                f > enter_long              f < enter_short
//            +------------------ [ 0 ] ------------------+
//            |                   ^   ^                   |
//            v    f < exit_long  |   |  f > exit_short   v
//         [ +1 ] ----------------+   +---------------- [ -1 ]
//            |                                           |
//            +--------------> f < enter_short >----------+      (not by way of 0: one trade, of two units)
//            +--------------< f > enter_long  <----------+
//
// A position changes to its opposite before it is left for 0. Comparisons are strict: a forecast that equals a level
// changes nothing, nor does NaN, which forecasts nothing: the position is held.
//
// Not thread-safe; copying copies the position.
class ThresholdStrategy {
 public:
  static absl::StatusOr<ThresholdStrategy> Create(const Thresholds& thresholds, Directions directions);

  // The position to hold during the period of which this is the forecast: -1, 0 or 1.
  int Next(double forecast);
  int position() const { return position_; }

 private:
  ThresholdStrategy(const Thresholds& thresholds, Directions directions)
      : thresholds_(thresholds), directions_(directions) {}

  Thresholds thresholds_;
  Directions directions_;
  int position_ = 0;
};

// The positions of all forecasts, from a position of 0 on, for performance.h.
absl::StatusOr<std::vector<double>> PositionsOf(const Thresholds& thresholds, Directions directions,
                                                std::span<const double> forecasts);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_STRATEGY_H_
