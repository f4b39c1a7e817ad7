#ifndef TRAINER_JOB_H_
#define TRAINER_JOB_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/config.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {

// One training job, from a snapshot to an artifact:
//   1. load and encode the snapshot, split it in order of time;
//   2. where labels are a teacher's: train it cross-fitted, or find its labels;
//   3. train, keeping the checkpoint with the most welfare on validation; calibrate it there;
//   4. judge it on validation and test, bound its regret where the truth is known;
//   5. write the artifact `root`/NAME/VERSION.
// Nothing is visible under NAME before the last step.
absl::StatusOr<vickrey::v1::TrainLine> RunJob(JobConfig job, const std::filesystem::path& db,
                                              const std::string& snapshot_id, const std::filesystem::path& root);

}  // namespace vickrey::trainer

#endif  // TRAINER_JOB_H_
