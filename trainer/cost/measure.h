// What the steps of a training cost on this machine: `vickrey cost`.
#ifndef TRAINER_COST_MEASURE_H_
#define TRAINER_COST_MEASURE_H_

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/config.h"
#include "vickrey/v1/cost_lines.pb.h"

namespace vickrey::trainer::cost {

struct MeasureOptions {
  double seconds = 1;  // that a repeat takes, about; a step at least
  int repeats = 5;
  int warmup = 3;                     // steps that are not timed; 1 at least
  std::optional<int64_t> memory_mib;  // what the process may take (LimitMemory)
  bool plan = false;                  // only reads and checks
};

// Does steps of the training that `job` says, on the training part of a snapshot encoded below `root`, and times them:
// loader, forward pass, loss, backward pass, exchange with the other processes, and optimizer, as Fit; no evaluation,
// no checkpoint. It learns at a thousandth of the learning rate, so that no network explodes while it is timed. Where
// labels are a teacher's it reads clicks in their place, which costs a step the same. Nothing is written but the
// dataset.
//
// Started by torchrun and its like it is one of several processes that do it together; nullopt in all but the first of
// them. RESOURCE_EXHAUSTED where memory, of the machine or the device, does not suffice.
absl::StatusOr<std::optional<vickrey::v1::CostLine>> Measure(JobConfig job, const std::filesystem::path& db,
                                                             const std::string& snapshot_id,
                                                             const std::filesystem::path& root,
                                                             const MeasureOptions& options);

}  // namespace vickrey::trainer::cost

#endif  // TRAINER_COST_MEASURE_H_
