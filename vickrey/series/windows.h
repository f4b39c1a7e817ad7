#ifndef VICKREY_SERIES_WINDOWS_H_
#define VICKREY_SERIES_WINDOWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::series {

// How a series is walked through: models are fitted on a window's in-sample part, candidates and thresholds are chosen
// on its validation part, and what was chosen is judged on its out-of-sample part, which nothing before has seen. The
// three lie directly behind one another, and the next window is `step` later:
//
//   rolling    |--- in sample ---|- validation -|- out of sample -|
//                                |--- in sample ---|- validation -|- out of sample -|      (step = out of sample)
//   anchored   |--- in sample ---|- validation -|- out of sample -|
//              |----------- in sample -------------|- validation -|- out of sample -|
//
// Lengths are in periods, that is in returns (price_series.h). With the default step the out-of-sample parts of all
// windows follow one another without gap or overlap, so that their positions make one equity curve.
struct WindowPlan {
  enum class Begin { kRolling, kAnchored };
  // What becomes of the periods that do not fill a whole out-of-sample part: a last window with a shorter one (of at
  // least one period), or nothing. Its in-sample and validation parts are whole either way.
  enum class Last { kShortened, kDropped };

  int64_t in_sample = 0;
  int64_t validation = 0;
  int64_t out_of_sample = 0;
  int64_t step = 0;  // Default, 0: out_of_sample. Longer ones leave gaps
  Begin begin = Begin::kRolling;
  Last last = Last::kShortened;

  // INVALID_ARGUMENT naming the field: lengths are 1 to kMaxPeriods; a step is 0 or at least out_of_sample, since a
  // period that is judged in two windows would count twice.
  absl::Status Validate() const;
};

inline constexpr int64_t kMaxPeriods = 1'000'000'000;

// The periods begin, begin + 1, ..., end - 1.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

// in_sample.end = validation.begin and validation.end = out_of_sample.begin.
struct Window {
  int64_t number = 0;  // from 0
  Range in_sample, validation, out_of_sample;
  friend bool operator==(const Window&, const Window&) = default;
};

// The windows of a series of so many periods, at least one. INVALID_ARGUMENT naming the field if the plan is not valid,
// or if not one window of it fits.
absl::StatusOr<std::vector<Window>> WindowsOf(const WindowPlan& plan, int64_t periods);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_WINDOWS_H_
