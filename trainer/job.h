#ifndef TRAINER_JOB_H_
#define TRAINER_JOB_H_

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/config.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {

// One training job, from a snapshot to an artifact:
//   1. find or make the dataset of the snapshot, in its three parts;
//   2. where labels are a teacher's: train it cross-fitted, or find its labels;
//   3. train, keeping the epoch that is best on validation; calibrate it there;
//   4. judge it on validation and test, bound its regret where the truth is known;
//   5. write the artifact `root`/NAME/VERSION.
// Nothing is visible under NAME before the last step. What was interrupted, or killed, goes on from its last checkpoint
// when the same job is run again.
//
// Started by torchrun and its like it is one of several processes that do it together (trainer/parallel/workers.h);
// nullopt in all but the first of them.
absl::StatusOr<std::optional<vickrey::v1::TrainLine>> RunJob(JobConfig job, const std::filesystem::path& db,
                                                             const std::string& snapshot_id,
                                                             const std::filesystem::path& root);

}  // namespace vickrey::trainer

#endif  // TRAINER_JOB_H_
