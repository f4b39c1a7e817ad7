#ifndef VICKREY_SERIES_THRESHOLD_CHOICE_H_
#define VICKREY_SERIES_THRESHOLD_CHOICE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/series/performance.h"
#include "vickrey/series/strategy.h"

namespace vickrey::series {

struct ThresholdSearch {
  // Levels are 0 and these quantiles of |forecast|, each in (0, 1]; at most 8. More of them cost time (their fourth
  // power) and fit the validation part's noise: with 3 about 300 combinations are tried.
  std::vector<double> quantiles = {0.25, 0.5, 0.75};
  Metric metric = Metric::kIr2;
  Directions directions = Directions::kLongAndShort;
  PerformanceOptions performance;  // with the costs that will be paid

  absl::Status Validate() const;
};

struct ThresholdChoice {
  Thresholds thresholds;        // of positions that are never entered infinite; with kLongOnly short is as exit_long
  std::optional<double> value;  // of the metric; null: it is not defined for this strategy
  Performance performance;      // of the strategy with them
  int64_t tried = 0;            // combinations
};

// The best thresholds on the forecasts of a validation part and the returns that came of them. The levels q_0 = 0 <
// q_1 < ... < q_K are 0 and the quantiles; tried is every combination of
//
//   enter_long in {q_k},  enter_short in {-q_k},  exit_long and exit_short in {-q_k, q_k}
//
// in the order that Thresholds requires, and last to enter nothing, whatever comes (enter_long and -enter_short
// infinite). Which is best: the one of the greatest metric. Where that is not defined it counts as 0: never to trade is
// better than to lose, and a lucky day without a drawdown is no infinite IR**. One that
// ends bankrupt is worse than any other. Among equals the one with the fewest trades, and among these the one that
// comes first: by the least enter_long, then -enter_short, then |exit_long|, then |exit_short|, a positive exit before
// its negative. The quantile q of m values is the least that at least q m of them are not above; a forecast that is NaN
// is not among them.
//
// INVALID_ARGUMENT naming the field: `forecasts` (empty, infinite, or not as many as returns), what Validate and
// PerformanceOf refuse.
absl::StatusOr<ThresholdChoice> ChooseThresholds(std::span<const double> forecasts, std::span<const double> returns,
                                                 const ThresholdSearch& search);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_THRESHOLD_CHOICE_H_
