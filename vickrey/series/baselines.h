#ifndef VICKREY_SERIES_BASELINES_H_
#define VICKREY_SERIES_BASELINES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/series/performance.h"

namespace vickrey::series {

// What any strategy has to beat: long in every period, one trade.
absl::StatusOr<Performance> BuyAndHold(std::span<const double> returns, const PerformanceOptions& options);

// Positions that know nothing but trade as a given strategy does: as often (as many changes of the position, the first
// from 0 among them), and holding each position for as many periods in all, so with the same shares of long, short and
// flat. What the strategy gains over them is timing, and nothing else.
//
// A strategy's positions are runs of equal ones. A draw puts them in another order and gives them other lengths:
//   1. the runs of each position stay as many, in a random order in which no two of the same position meet, and which
//      starts flat if and only if the strategy does (a first run that is not flat is a trade). A run is picked
//      uniformly among those left that may follow; where one position has more than half of the runs left, its turn it
//      is;
//   2. the periods of each position are cut into its runs at random, every way to do it alike.
// A draw's costs may differ from the strategy's: long to short is one trade of two units, and may become two of one.
//
// Draw i is a pure function of (positions, seed, i), by Philox ("series.random_trades"). Immutable, so thread-safe; a
// value.
class RandomTrades {
 public:
  // Positions are taken as they are, fractions too: each different number is a position of its own. REQUIRES: no NaN.
  explicit RandomTrades(std::span<const double> positions);

  // The positions of draw `index`, as many as the strategy's.
  std::vector<double> Draw(uint64_t seed, uint64_t index) const;

 private:
  struct Level {
    double position;
    int64_t runs, periods;
  };
  // The position of each run, by its level's index.
  std::vector<size_t> Order(uint64_t seed, uint64_t index) const;

  std::vector<Level> levels_;
  std::vector<size_t> runs_;  // the strategy's, by level
  size_t flat_ = 0;           // the level of 0; levels_.size() if there is none
  bool starts_flat_ = false;
};

// How a strategy stands among draws of RandomTrades.
struct RandomBaseline {
  int64_t draws = 0;
  // Means over the draws of which the number is defined; null where it is of none. `trades`, shares, `periods` and
  // `cost` are the strategy's; `bankrupt` is null.
  Performance mean;
  int64_t bankrupt = 0;  // draws that ended so
  // Share of the draws that the strategy is better than, a tie counting one half: .95 means that one of 20 draws is
  // better. Without costs .5 is what chance does; with them about that, since draws trade as often, but not as many
  // units (see RandomTrades). Null where the strategy's number, or that of every draw, is not defined.
  std::optional<double> quantile_arc, quantile_ir, quantile_ir2;
  std::optional<double> quantile_profit;
};

inline constexpr int64_t kMaxDraws = 1'000'000;

// INVALID_ARGUMENT about `draws` unless in 1..kMaxDraws, else as PerformanceOf.
absl::StatusOr<RandomBaseline> CompareWithRandomTrades(std::span<const double> returns,
                                                       std::span<const double> positions,
                                                       const PerformanceOptions& options, int64_t draws, uint64_t seed);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_BASELINES_H_
