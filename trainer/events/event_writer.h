#ifndef TRAINER_EVENTS_EVENT_WRITER_H_
#define TRAINER_EVENTS_EVENT_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/storage/v1/event.pb.h"

namespace vickrey::trainer {

// Writes scalars over training steps to an event file, which TensorBoard shows.
//
// The files of a folder are one run, told by its processes one after the other: TensorBoard reads them in order of
// their names, which is the order in which they were made, whatever the clock says. Of two processes that write to one
// folder at the same time it would show a mixture. What a later file replaces (see Create) its fast loader drops tag by
// tag, when the tag is told anew.
//
// What Write answered for survives the death of the process, not that of the machine. Not thread-safe.
class EventWriter {
 public:
  struct Scalar {
    std::string tag;  // UTF-8; slashes group
    double value;     // the file holds it as a float
  };

  // Makes the file events.out.tfevents.<seconds>.<host>.<process>.<n> in `folder`, which is made if missing. What
  // earlier files of the folder say of steps after `resumed_at_step` is no longer shown: those are told anew. Default:
  // the run starts over, and nothing of them is. On failure no file was made.
  static absl::StatusOr<std::unique_ptr<EventWriter>> Create(const std::filesystem::path& folder,
                                                             std::optional<int64_t> resumed_at_step = std::nullopt);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  // Appends one event. INVALID_ARGUMENT for a tag that is not UTF-8, else an error of the file, such as
  // RESOURCE_EXHAUSTED for a full disk; then the file is as it was and Write can be tried again.
  absl::Status Write(int64_t step, std::span<const Scalar> scalars);

  const std::filesystem::path& file() const { return file_; }

 private:
  EventWriter(std::filesystem::path file, int fd);

  // At the present time, at the end of the file.
  absl::Status Append(vickrey::storage::v1::Event event);

  const std::filesystem::path file_;
  const int fd_;
  int64_t size_ = 0;  // of the whole records
};

}  // namespace vickrey::trainer

#endif  // TRAINER_EVENTS_EVENT_WRITER_H_
