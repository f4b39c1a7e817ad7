// What a model learns by an example: `vickrey cost --curve`.
#ifndef TRAINER_COST_CURVE_H_
#define TRAINER_COST_CURVE_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "trainer/cost/training.h"
#include "vickrey/v1/cost_lines.pb.h"

namespace vickrey::trainer::cost {

// Trains on `candidates` candidates, by whole steps, and judges the network on the validation part before the first
// step, after it, after the second, the fourth and so on, and at the end; at the configuration's learning rate, which
// after its warm-up follows its schedule over these steps. In all processes alike; nullopt in all but the first of
// them. INVALID_ARGUMENT where there is nothing to validate on.
absl::StatusOr<std::optional<vickrey::v1::CostCurveLine>> Learn(Training* training, int64_t candidates);

}  // namespace vickrey::trainer::cost

#endif  // TRAINER_COST_CURVE_H_
