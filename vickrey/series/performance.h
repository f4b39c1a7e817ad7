#ifndef VICKREY_SERIES_PERFORMANCE_H_
#define VICKREY_SERIES_PERFORMANCE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::series {

struct PerformanceOptions {
  // Of each unit that the position changes by, as a share of the equity: .001 is 10 basis points. In [0, 1].
  double cost = 0;
  // Of the series: 252 trading days, 365 days, 52 weeks. Greater than 0, at most 1e9.
  double periods_per_year = 252;

  // INVALID_ARGUMENT naming the field.
  absl::Status Validate() const;
};

// What positions came to. Letters: return r_t and position p_t of period t = 1..n, p_0 = 0; c cost, Y periods_per_year.
//
//   s_t = p_t r_t - c |p_t - p_{t-1}|         E_t = E_{t-1} (1 + s_t),  E_0 = 1
//
// ARC, ASD, the two information ratios and MD are those of the literature on directional losses (Michankow, Sakowski,
// Slepaczuk, "Mean absolute directional loss as a new loss function for machine learning problems in algorithmic
// investment strategies", 2023): without a risk-free rate, of simple returns.
struct Performance {
  int64_t periods = 0;        // n
  std::optional<double> arc;  // annualised return compounded: E_n^(Y/n) - 1. Null: n = 0, or too large to be a number
  std::optional<double> asd;  // annualised standard deviation: that of s_t, with n - 1, times sqrt(Y). Null: n < 2
  std::optional<double> ir;   // IR* = ARC / ASD. Null: one of them is, or ASD = 0
  std::optional<double> ir2;  // IR** = IR* x ARC x sign(ARC) / MD. Null: IR* is, or MD = 0
  double max_drawdown = 0;    // MD = max over t of 1 - E_t / (max of E_0..E_t), in [0, 1]
  int64_t trades = 0;         // changes of the position, of any size: long to short is one, and costs two units
  std::optional<double> share_long;   // of periods, with a position above 0. Null: n = 0
  std::optional<double> share_short;  // below 0
  std::optional<double> share_flat;   // of 0
  double final_equity = 1;            // E_n; leaving the last position is not charged
  double cost = 0;                    // c
  // The period, from 0, in which everything was lost; null: none.
  std::optional<int64_t> bankrupt;
};

// Computes a Performance of one period at a time, in memory that does not grow; sums by Welford's method.
//
// **Bankrupt.** Where 1 + s_t <= 0 (short while the price doubles; long while it falls to 0) all is lost, never more:
// the period counts with s_t = -1, and equity is 0 for good. There is nothing left to hold or to pay: later periods
// count as flat, with s_t = 0, whatever their positions. ARC is then -1, MD 1, and the ratios are defined and bad, so
// that no mean over many strategies loses its worst ones among the nulls.
//
// Not thread-safe; copying copies the state.
class PerformanceAccumulator {
 public:
  static absl::StatusOr<PerformanceAccumulator> Create(const PerformanceOptions& options);

  // The next period: its return and the position that was held during it. INVALID_ARGUMENT about `return` (not finite,
  // or below -1: no price falls by more than all of it; or the equity grows above what a double holds) or `position`
  // (not in [-1, 1]; fractions are parts of the equity). Nothing changes then.
  absl::Status Add(double period_return, double position);

  // After the last period: E_t and 1 - E_t / peak.
  double equity() const { return equity_; }
  double drawdown() const { return 1 - equity_ / peak_; }
  bool bankrupt() const { return bankrupt_.has_value(); }

  Performance Finalize() const;

 private:
  explicit PerformanceAccumulator(const PerformanceOptions& options) : options_(options) {}

  PerformanceOptions options_;
  double equity_ = 1, peak_ = 1, max_drawdown_ = 0;
  double position_ = 0;
  int64_t periods_ = 0, trades_ = 0, long_ = 0, short_ = 0;
  double mean_ = 0, squares_ = 0;  // of s_t: mean, and sum of squared deviations from it
  std::optional<int64_t> bankrupt_;
};

// The Performance of whole series. INVALID_ARGUMENT if they differ in length, else as Add, naming the period.
absl::StatusOr<Performance> PerformanceOf(std::span<const double> returns, std::span<const double> positions,
                                          const PerformanceOptions& options);

// What a strategy is chosen by: one number of a Performance, the greater the better.
enum class Metric { kIr2, kIr, kArc, kProfit };

// "ir2", "ir", "arc" or "profit"; INVALID_ARGUMENT listing them for another.
absl::StatusOr<Metric> ParseMetric(std::string_view name);
std::string_view NameOf(Metric metric);

// Its value; profit is final_equity - 1. Null where the metric is not defined.
std::optional<double> ValueOf(const Performance& performance, Metric metric);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_PERFORMANCE_H_
