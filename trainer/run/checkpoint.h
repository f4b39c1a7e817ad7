// What a run goes on from after it was interrupted.
#ifndef TRAINER_RUN_CHECKPOINT_H_
#define TRAINER_RUN_CHECKPOINT_H_

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/storage/v1/checkpoint.pb.h"

namespace vickrey::trainer {

// Tensors by name: float, on any device, of any strides.
using NamedTensors = std::map<std::string, at::Tensor>;

// Writes `run`/checkpoints/STEP, visible whole or not at all, then deletes the oldest so that `keep` are left. A
// checkpoint of the same step stays as it is. RESOURCE_EXHAUSTED if the disk is full: those that there were are left.
absl::Status WriteCheckpoint(const std::filesystem::path& run, vickrey::storage::v1::CheckpointFile state,
                             const NamedTensors& tensors, int keep);

// The last checkpoint of the run with this key, the values of its tensors copied into `tensors`; nullopt if there is
// none. One that is damaged, or of other tensors, is renamed to STEP.damaged and passed over, saying so on stderr.
absl::StatusOr<std::optional<vickrey::storage::v1::CheckpointFile>> ReadCheckpoint(const std::filesystem::path& run,
                                                                                   const std::string& key,
                                                                                   const NamedTensors& tensors);

// The files of weights, by name, that the checkpoints of a run name as those of the best epoch.
std::set<std::string> WeightsOfCheckpoints(const std::filesystem::path& run);

// The folder of the last checkpoint; empty where there is none.
std::filesystem::path LastCheckpoint(const std::filesystem::path& run);

}  // namespace vickrey::trainer

#endif  // TRAINER_RUN_CHECKPOINT_H_
