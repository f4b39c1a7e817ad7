#include "vickrey/series/threshold_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

constexpr size_t kMostQuantiles = 8;
constexpr double kRounding = 1e-6;  // of a rank

// 0 and the quantiles of |forecast|, rising, each once.
std::vector<double> LevelsOf(std::span<const double> forecasts, std::span<const double> quantiles) {
  std::vector<double> sizes;
  for (const double forecast : forecasts) {
    if (!std::isnan(forecast)) sizes.push_back(std::abs(forecast));
  }
  std::sort(sizes.begin(), sizes.end());
  std::vector<double> levels = {0};
  for (const double q : quantiles) {
    if (sizes.empty()) break;
    // Not the next one because of a rounding: .07 x 100 is a little above 7.
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(sizes.size()) - kRounding));
    levels.push_back(sizes[std::clamp<size_t>(rank, 1, sizes.size()) - 1]);
  }
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

// The combinations, in the order of the header.
std::vector<Thresholds> CombinationsOf(const std::vector<double>& levels, Directions directions) {
  std::vector<double> exits;  // 0, q_1, -q_1, q_2, ...
  for (const double level : levels) {
    exits.push_back(level);
    if (level > 0) exits.push_back(-level);
  }
  std::vector<Thresholds> combinations;
  for (const double enter_long : levels) {
    if (directions == Directions::kLongOnly) {
      for (const double exit_long : exits) {
        const Thresholds t{enter_long, exit_long, exit_long, exit_long};
        if (t.Validate(directions).ok()) combinations.push_back(t);
      }
      continue;
    }
    for (const double level : levels) {
      const double enter_short = level > 0 ? -level : 0;  // no -0
      for (const double exit_long : exits) {
        for (const double exit_short : exits) {
          const Thresholds t{enter_long, exit_long, enter_short, exit_short};
          if (t.Validate(directions).ok()) combinations.push_back(t);
        }
      }
    }
  }
  // The levels are of the forecasts that there are, and some of them are beyond any level but the greatest.
  const double exit = 0, never = std::numeric_limits<double>::infinity();
  combinations.push_back({never, exit, directions == Directions::kLongOnly ? exit : -never, exit});
  return combinations;
}

// How good a strategy is, the greater the better.
struct Rank {
  bool solvent = false;
  double value = 0;
  int64_t trades = 0;

  bool operator>(const Rank& other) const {
    if (solvent != other.solvent) return solvent;
    if (value != other.value) return value > other.value;
    return trades < other.trades;
  }
};

Rank RankOf(const Performance& performance, Metric metric) {
  return {!performance.bankrupt.has_value(), ValueOf(performance, metric).value_or(0), performance.trades};
}

}  // namespace

absl::Status ThresholdSearch::Validate() const {
  if (quantiles.size() > kMostQuantiles) {
    return base::InvalidField("quantiles", absl::StrCat("there are ", quantiles.size(), "; at most ", kMostQuantiles));
  }
  for (const double q : quantiles) {
    if (!(q > 0 && q <= 1)) return base::InvalidField("quantiles", absl::StrCat(q, " is not in (0, 1]"));
  }
  return performance.Validate();
}

absl::StatusOr<ThresholdChoice> ChooseThresholds(std::span<const double> forecasts, std::span<const double> returns,
                                                 const ThresholdSearch& search) {
  RETURN_IF_ERROR(search.Validate());
  if (forecasts.empty()) return base::InvalidField("forecasts", "there are none; thresholds are chosen on some");
  if (forecasts.size() != returns.size()) {
    return base::InvalidField("forecasts", absl::StrCat("there are ", forecasts.size(), " of them and ", returns.size(),
                                                        " returns; each period has one of both"));
  }
  for (size_t t = 0; t < forecasts.size(); ++t) {
    if (std::isinf(forecasts[t])) {
      return base::InvalidField("forecasts", absl::StrCat("that of period ", t, " is infinite"));
    }
  }
  ThresholdChoice best;
  Rank best_rank;
  for (const Thresholds& thresholds : CombinationsOf(LevelsOf(forecasts, search.quantiles), search.directions)) {
    ASSIGN_OR_RETURN(const std::vector<double> positions, PositionsOf(thresholds, search.directions, forecasts));
    ASSIGN_OR_RETURN(const Performance performance, PerformanceOf(returns, positions, search.performance));
    const Rank rank = RankOf(performance, search.metric);
    if (best.tried == 0 || rank > best_rank) {
      best.thresholds = thresholds;
      best.value = ValueOf(performance, search.metric);
      best.performance = performance;
      best_rank = rank;
    }
    ++best.tried;
  }
  return best;
}

}  // namespace vickrey::series
