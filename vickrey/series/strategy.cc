#include "vickrey/series/strategy.h"

#include <cmath>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

absl::Status NotNaN(std::string_view field, double level) {
  return std::isnan(level) ? base::InvalidField(field, "is not a number") : absl::OkStatus();
}

// `low` <= `high`, else an error about `field`, which is one of them.
absl::Status Ordered(std::string_view field, std::string_view low_field, double low, std::string_view high_field,
                     double high, std::string_view why) {
  if (low <= high) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(std::string(low_field), " ", low, " is above ", std::string(high_field),
                                                " ", high, ": ", std::string(why)));
}

}  // namespace

absl::Status Thresholds::Validate(Directions directions) const {
  RETURN_IF_ERROR(NotNaN("enter_long", enter_long));
  RETURN_IF_ERROR(NotNaN("exit_long", exit_long));
  RETURN_IF_ERROR(Ordered("exit_long", "exit_long", exit_long, "enter_long", enter_long,
                          "a forecast between them would enter a long position and leave it"));
  if (directions == Directions::kLongOnly) return absl::OkStatus();
  RETURN_IF_ERROR(NotNaN("enter_short", enter_short));
  RETURN_IF_ERROR(NotNaN("exit_short", exit_short));
  RETURN_IF_ERROR(Ordered("exit_short", "enter_short", enter_short, "exit_short", exit_short,
                          "a forecast between them would enter a short position and leave it"));
  RETURN_IF_ERROR(Ordered("exit_long", "enter_short", enter_short, "exit_long", exit_long,
                          "a forecast between them would hold a long position and go short"));
  return Ordered("exit_short", "exit_short", exit_short, "enter_long", enter_long,
                 "a forecast between them would hold a short position and go long");
}

absl::StatusOr<ThresholdStrategy> ThresholdStrategy::Create(const Thresholds& thresholds, Directions directions) {
  RETURN_IF_ERROR(thresholds.Validate(directions));
  return ThresholdStrategy(thresholds, directions);
}

int ThresholdStrategy::Next(double forecast) {
  const bool may_short = directions_ == Directions::kLongAndShort;
  if (forecast > thresholds_.enter_long) {
    position_ = 1;
  } else if (may_short && forecast < thresholds_.enter_short) {
    position_ = -1;
  } else if (position_ > 0 ? forecast < thresholds_.exit_long : position_ < 0 && forecast > thresholds_.exit_short) {
    position_ = 0;
  }
  return position_;
}

absl::StatusOr<std::vector<double>> PositionsOf(const Thresholds& thresholds, Directions directions,
                                                std::span<const double> forecasts) {
  ASSIGN_OR_RETURN(ThresholdStrategy strategy, ThresholdStrategy::Create(thresholds, directions));
  std::vector<double> positions;
  positions.reserve(forecasts.size());
  for (const double forecast : forecasts) positions.push_back(strategy.Next(forecast));
  return positions;
}

}  // namespace vickrey::series
