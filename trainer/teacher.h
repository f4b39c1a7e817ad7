// The teacher: a network whose estimates are a student's labels.
#ifndef TRAINER_TEACHER_H_
#define TRAINER_TEACHER_H_

#include <string>

#include "absl/status/statusor.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "trainer/setup.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {

struct TeacherLabels {
  Labels labels;  // of every candidate of the dataset
  vickrey::v1::TeacherReport report;
};

// Cross-fitted labels. Training auctions fall into `cross_fit` folds by (seed, id of the auction); a network for each
// fold, trained by log loss on the clicks of the other folds, labels it, so that no label has seen its own auction's
// click. Auctions of validation and test are labelled by the mean of all networks, none of which trained on them
// (validation's clicks chose each network's checkpoint and its calibration).
//
// The networks become artifacts `root`/teacher-KEY/FOLD, the labels
// `root`/labels/teacher-KEY/SNAPSHOT/labels.safetensors; KEY is a digest of everything that the teacher is a function
// of, so that jobs that want the same teacher share it: what one has made, the others find. `setup` says how its
// networks are trained.
absl::StatusOr<TeacherLabels> LabelByTeacher(const vickrey::config::v1::TrainConfig& config, const Grouping& data,
                                             const std::string& snapshot_id, const Setup& setup);

}  // namespace vickrey::trainer

#endif  // TRAINER_TEACHER_H_
