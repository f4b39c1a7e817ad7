#include "vickrey/price/budget.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"

namespace vickrey::price {
namespace {

absl::Status CheckPositive(const char* field, double value) {
  return std::isfinite(value) && value > 0
             ? absl::OkStatus()
             : base::InvalidField(field, absl::StrCat(base::ShortestDecimal(value), " is not a positive number"));
}

}  // namespace

absl::StatusOr<Pacer> Pacer::Create(const Options& options) {
  RETURN_IF_ERROR(CheckPositive("budget", options.budget));
  RETURN_IF_ERROR(CheckPositive("auctions", static_cast<double>(options.auctions)));
  RETURN_IF_ERROR(CheckPositive("step", options.step));
  RETURN_IF_ERROR(CheckPositive("max_lambda", options.max_lambda));
  if (!(options.lambda >= 0 && options.lambda <= options.max_lambda)) {
    return base::InvalidField("lambda", absl::StrCat(base::ShortestDecimal(options.lambda), " is not in [0, ",
                                                     base::ShortestDecimal(options.max_lambda), "]"));
  }
  return Pacer(options);
}

void Pacer::Observe(double spent) { lambda_ = std::clamp(lambda_ + step_ * (spent / rate_ - 1), 0.0, max_); }

}  // namespace vickrey::price
