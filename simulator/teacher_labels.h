#ifndef SIMULATOR_TEACHER_LABELS_H_
#define SIMULATOR_TEACHER_LABELS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/base/mapped_file.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::simulator {

// What a teacher said of every candidate of a snapshot, as training leaves it (docs/formats.md): a cursor over it, in
// the order of a scan. Not thread-safe.
class TeacherLabels {
 public:
  // NOT_FOUND if the file is not there; DATA_LOSS if it is damaged; INVALID_ARGUMENT naming `replay.labels` unless it
  // has a label for each of so many candidates.
  static absl::StatusOr<TeacherLabels> Load(const std::filesystem::path& file, int64_t candidates);

  void Skip(int64_t candidates) { next_ += candidates; }
  // Writes the next labels into the record, which are its candidates'. INVALID_ARGUMENT for one that is no probability.
  absl::Status Label(vickrey::v1::LoggedAuction* record);

 private:
  TeacherLabels(std::shared_ptr<const base::MappedFile> file, std::span<const float> values)
      : file_(std::move(file)), values_(values) {}

  std::shared_ptr<const base::MappedFile> file_;
  std::span<const float> values_;
  int64_t next_ = 0;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_TEACHER_LABELS_H_
