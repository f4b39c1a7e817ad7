#include "vickrey/series/windows.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::series {

absl::Status WindowPlan::Validate() const {
  const std::pair<std::string_view, int64_t> lengths[] = {
      {"in_sample", in_sample}, {"validation", validation}, {"out_of_sample", out_of_sample}};
  for (const auto& [field, periods] : lengths) {
    if (periods >= 1 && periods <= kMaxPeriods) continue;
    return base::InvalidField(field, absl::StrCat(periods, " is not a number of periods, 1 to ", kMaxPeriods));
  }
  if (step == 0 || (step >= out_of_sample && step <= kMaxPeriods)) return absl::OkStatus();
  return base::InvalidField(
      "step", absl::StrCat(step, " is neither 0 (as long as out_of_sample) nor from out_of_sample, ", out_of_sample,
                           ", to ", kMaxPeriods, ": with a shorter one periods would be judged twice"));
}

absl::StatusOr<std::vector<Window>> WindowsOf(const WindowPlan& plan, int64_t periods) {
  RETURN_IF_ERROR(plan.Validate());
  const int64_t step = plan.step == 0 ? plan.out_of_sample : plan.step;
  const int64_t before = plan.in_sample + plan.validation;
  const int64_t least = plan.last == WindowPlan::Last::kShortened ? 1 : plan.out_of_sample;
  std::vector<Window> windows;
  for (int64_t begin = 0; begin + before + least <= periods; begin += step) {
    Window window;
    window.number = static_cast<int64_t>(windows.size());
    window.in_sample = {plan.begin == WindowPlan::Begin::kAnchored ? 0 : begin, begin + plan.in_sample};
    window.validation = {window.in_sample.end, window.in_sample.end + plan.validation};
    window.out_of_sample = {window.validation.end, std::min(window.validation.end + plan.out_of_sample, periods)};
    windows.push_back(window);
  }
  if (windows.empty()) {
    return base::InvalidField(
        "in_sample",
        absl::StrCat("no window fits: the series has ", periods, " periods, and in_sample ", plan.in_sample,
                     " + validation ", plan.validation, " + out_of_sample ", least, " need ", before + least));
  }
  return windows;
}

}  // namespace vickrey::series
