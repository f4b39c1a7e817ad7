#ifndef VICKREY_SERIES_PERFORMANCE_LINE_H_
#define VICKREY_SERIES_PERFORMANCE_LINE_H_

#include <string_view>

#include "vickrey/series/baselines.h"
#include "vickrey/series/performance.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::series {

// As a line, of this `strategy`. What it leaves unset is `bankrupt`, a time, which a Performance does not know.
vickrey::v1::PerformanceLine LineOf(const Performance& performance, std::string_view strategy);

// The line of "random_trades".
vickrey::v1::PerformanceLine LineOf(const RandomBaseline& baseline);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_PERFORMANCE_LINE_H_
