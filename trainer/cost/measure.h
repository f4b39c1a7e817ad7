// What the steps of a training cost on this machine: `vickrey cost`.
#ifndef TRAINER_COST_MEASURE_H_
#define TRAINER_COST_MEASURE_H_

#include <optional>

#include "absl/status/statusor.h"
#include "trainer/cost/training.h"
#include "vickrey/v1/cost_lines.pb.h"

namespace vickrey::trainer::cost {

struct MeasureOptions {
  double seconds = 1;  // that a repeat takes, about; a step at least
  int repeats = 5;
  int warmup = 3;  // steps that are not timed; 1 at least
};

// What is known of a training before its first step; the rest of the line is null.
vickrey::v1::CostLine Describe(Training* training);

// Times steps of a training: loader, forward pass, loss, backward pass, exchange with the other processes, and
// optimizer. It learns at a thousandth of the learning rate, so that no network explodes while it is timed. In all
// processes alike; nullopt in all but the first of them. RESOURCE_EXHAUSTED where memory, of the machine or the device,
// does not suffice.
absl::StatusOr<std::optional<vickrey::v1::CostLine>> Measure(Training* training, const MeasureOptions& options);

}  // namespace vickrey::trainer::cost

#endif  // TRAINER_COST_MEASURE_H_
