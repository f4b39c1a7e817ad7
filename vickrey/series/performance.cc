#include "vickrey/series/performance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

constexpr std::array<std::pair<std::string_view, Metric>, 4> kMetrics = {
    {{"ir2", Metric::kIr2}, {"ir", Metric::kIr}, {"arc", Metric::kArc}, {"profit", Metric::kProfit}}};

std::optional<double> IfFinite(double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; }

}  // namespace

absl::Status PerformanceOptions::Validate() const {
  if (!(cost >= 0 && cost <= 1)) return base::InvalidField("cost", absl::StrCat(cost, " is not a share in [0, 1]"));
  if (!(periods_per_year > 0 && periods_per_year <= 1e9)) {
    return base::InvalidField("periods_per_year", absl::StrCat(periods_per_year, " is not in (0, 1e9]"));
  }
  return absl::OkStatus();
}

absl::StatusOr<PerformanceAccumulator> PerformanceAccumulator::Create(const PerformanceOptions& options) {
  RETURN_IF_ERROR(options.Validate());
  return PerformanceAccumulator(options);
}

absl::Status PerformanceAccumulator::Add(double period_return, double position) {
  if (!(std::isfinite(period_return) && period_return >= -1)) {
    return base::InvalidField("return", absl::StrCat(period_return,
                                                     " is not a finite number of at least -1; a price "
                                                     "cannot fall by more than all of it"));
  }
  if (!(position >= -1 && position <= 1)) {
    return base::InvalidField("position", absl::StrCat(position, " is not in [-1, 1]"));
  }
  const double held = bankrupt_.has_value() ? 0 : position;
  const double traded = bankrupt_.has_value() ? 0 : std::abs(held - position_);
  double s = held * period_return - options_.cost * traded;
  const double equity = 1 + s > 0 ? equity_ * (1 + s) : 0;
  if (!std::isfinite(equity)) {
    return base::InvalidField("return", absl::StrCat(period_return, " makes the equity more than a double holds"));
  }
  // A product can come to 0 by underflow as well.
  if (equity == 0 && !bankrupt_.has_value()) {
    bankrupt_ = periods_;
    s = -1;
  }
  trades_ += traded > 0;
  position_ = held;
  long_ += held > 0;
  short_ += held < 0;
  ++periods_;
  const double before = s - mean_;
  mean_ += before / static_cast<double>(periods_);
  squares_ += before * (s - mean_);
  equity_ = equity;
  peak_ = std::max(peak_, equity_);
  max_drawdown_ = std::max(max_drawdown_, drawdown());
  return absl::OkStatus();
}

Performance PerformanceAccumulator::Finalize() const {
  Performance p;
  p.periods = periods_;
  p.max_drawdown = max_drawdown_;
  p.trades = trades_;
  p.final_equity = equity_;
  p.cost = options_.cost;
  p.bankrupt = bankrupt_;
  if (periods_ == 0) return p;
  const auto n = static_cast<double>(periods_);
  p.share_long = static_cast<double>(long_) / n;
  p.share_short = static_cast<double>(short_) / n;
  p.share_flat = static_cast<double>(periods_ - long_ - short_) / n;
  p.arc = IfFinite(std::pow(equity_, options_.periods_per_year / n) - 1);
  if (periods_ < 2) return p;
  p.asd = IfFinite(std::sqrt(squares_ / (n - 1)) * std::sqrt(options_.periods_per_year));
  if (!p.arc.has_value() || !p.asd.has_value() || *p.asd == 0) return p;
  p.ir = IfFinite(*p.arc / *p.asd);
  // IR* x ARC x sign(ARC) is IR* x |ARC|.
  if (p.ir.has_value() && max_drawdown_ > 0) p.ir2 = IfFinite(*p.ir * std::abs(*p.arc) / max_drawdown_);
  return p;
}

absl::StatusOr<Performance> PerformanceOf(std::span<const double> returns, std::span<const double> positions,
                                          const PerformanceOptions& options) {
  if (returns.size() != positions.size()) {
    return base::InvalidField("position", absl::StrCat("there are ", positions.size(), " of them and ", returns.size(),
                                                       " returns; each period has one of both"));
  }
  ASSIGN_OR_RETURN(PerformanceAccumulator accumulator, PerformanceAccumulator::Create(options));
  for (size_t t = 0; t < returns.size(); ++t) {
    RETURN_IF_ERROR(base::Annotate(accumulator.Add(returns[t], positions[t]), absl::StrCat("period ", t)));
  }
  return accumulator.Finalize();
}

absl::StatusOr<Metric> ParseMetric(std::string_view name) {
  const auto found = std::find_if(kMetrics.begin(), kMetrics.end(), [&](const auto& m) { return m.first == name; });
  if (found != kMetrics.end()) return found->second;
  return base::InvalidField("metric", absl::StrCat("'", std::string(name), "' is not one of ir2, ir, arc, profit"));
}

std::string_view NameOf(Metric metric) {
  return std::find_if(kMetrics.begin(), kMetrics.end(), [&](const auto& m) { return m.second == metric; })->first;
}

std::optional<double> ValueOf(const Performance& performance, Metric metric) {
  switch (metric) {
    case Metric::kIr2:
      return performance.ir2;
    case Metric::kIr:
      return performance.ir;
    case Metric::kArc:
      return performance.arc;
    case Metric::kProfit:
      return performance.final_equity - 1;
  }
  return std::nullopt;
}

}  // namespace vickrey::series
