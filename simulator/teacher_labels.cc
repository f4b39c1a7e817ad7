#include "simulator/teacher_labels.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/model/tensors.h"

namespace vickrey::simulator {

absl::StatusOr<TeacherLabels> TeacherLabels::Load(const std::filesystem::path& file, int64_t candidates) {
  auto mapped = base::MappedFile::Open(file, std::numeric_limits<size_t>::max());
  if (!mapped.ok()) return base::AboutField(mapped.status(), "replay.labels");
  const auto tensors = model::ParseTensors((*mapped)->bytes());
  if (!tensors.ok()) return base::Annotate(tensors.status(), file.string());
  const auto found = tensors->tensors.find("teacher");
  if (found == tensors->tensors.end()) {
    return base::InvalidField("replay.labels", absl::StrCat(file.string(), " has no tensor 'teacher'"));
  }
  const std::span<const float> values = found->second.values;
  if (static_cast<int64_t>(values.size()) != candidates) {
    return base::InvalidField(
        "replay.labels", absl::StrCat(file.string(), " has ", values.size(), " labels, and the snapshot ", candidates,
                                      " candidates: they are of another snapshot"));
  }
  return TeacherLabels(*std::move(mapped), values);
}

absl::Status TeacherLabels::Label(vickrey::v1::LoggedAuction* record) {
  const int candidates = record->auction().candidates_size();
  while (record->candidates_size() < candidates) record->add_candidates();
  for (int i = 0; i < candidates; ++i, ++next_) {
    if (next_ >= static_cast<int64_t>(values_.size())) return absl::DataLossError("there are too few labels");
    const double label = values_[next_];
    if (!(label >= 0 && label <= 1)) {
      return base::InvalidField("replay.labels", absl::StrCat("label ", next_, " is ", label, ", no probability"));
    }
    record->mutable_candidates(i)->set_teacher(label);
  }
  return absl::OkStatus();
}

}  // namespace vickrey::simulator
