#include "trainer/events/event_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "vickrey/base/crc32c.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"
#include "vickrey/base/utf8.h"

namespace vickrey::trainer {
namespace {

namespace fs = std::filesystem;
using vickrey::storage::v1::Event;
using vickrey::storage::v1::SessionLog;
using vickrey::storage::v1::Summary;

constexpr std::string_view kPrefix = "events.out.tfevents.";
constexpr size_t kSecondsDigits = 10;
constexpr std::string_view kVersion = "brain.Event:2";

template <typename T>
void AppendLittleEndian(T value, std::string* out) {
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

// A record of TFRecord: the length, its checksum, the bytes, their checksum.
std::string Framed(std::string_view bytes) {
  std::string record;
  record.reserve(bytes.size() + 16);
  AppendLittleEndian<uint64_t>(bytes.size(), &record);
  AppendLittleEndian(base::MaskCrc(base::Crc32c(record)), &record);
  record.append(bytes);
  AppendLittleEndian(base::MaskCrc(base::Crc32c(bytes)), &record);
  return record;
}

// The seconds in the name of a new file: now, or one more than in any name of the folder. A name is compared as text,
// so that of a second process within the second could come before that of the first.
absl::StatusOr<int64_t> SecondsOfNewFile(const fs::path& folder) {
  int64_t seconds = absl::ToUnixSeconds(absl::Now());
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    int64_t there = 0;
    if (name.starts_with(kPrefix) &&
        absl::SimpleAtoi(absl::string_view(name).substr(kPrefix.size(), kSecondsDigits), &there)) {
      seconds = std::max(seconds, there + 1);
    }
  }
  if (!error) return seconds;
  errno = error.value();
  return base::FileError("list", folder);
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

}  // namespace

EventWriter::EventWriter(fs::path file, int fd) : file_(std::move(file)), fd_(fd) {}

EventWriter::~EventWriter() { close(fd_); }

absl::StatusOr<std::unique_ptr<EventWriter>> EventWriter::Create(const fs::path& folder,
                                                                 std::optional<int64_t> resumed_at_step) {
  RETURN_IF_ERROR(base::MakeFolders(folder));
  ASSIGN_OR_RETURN(const int64_t seconds, SecondsOfNewFile(folder));
  const std::string stem = absl::StrFormat("%s%010d.%s.%d.", kPrefix, seconds, HostName(), getpid());
  fs::path file;
  int fd = -1;
  for (int n = 0; fd < 0; ++n) {
    file = folder / absl::StrCat(stem, n);
    fd = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) return base::FileError("make", file);
  }
  std::unique_ptr<EventWriter> writer(new EventWriter(file, fd));
  Event version;
  version.set_file_version(std::string(kVersion));
  // TensorBoard takes the first start of a folder as such and every other one as a restart, upon which it drops what it
  // has of that step and later ones. So each file says that it starts.
  Event start;
  start.mutable_session_log()->set_status(SessionLog::START);
  start.set_step(resumed_at_step.has_value() ? *resumed_at_step + 1 : 0);
  absl::Status begun = writer->Append(std::move(version));
  if (begun.ok()) begun = writer->Append(std::move(start));
  if (begun.ok()) return writer;
  unlink(file.c_str());
  return begun;
}

absl::Status EventWriter::Write(int64_t step, std::span<const Scalar> scalars) {
  Event event;
  event.set_step(step);
  for (const Scalar& scalar : scalars) {
    if (!base::IsUtf8(scalar.tag)) {  // TensorBoard would read nothing from there on
      return absl::InvalidArgumentError(absl::StrCat("a tag for ", file_.string(), " is not UTF-8"));
    }
    Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(scalar.tag);
    value->set_simple_value(static_cast<float>(scalar.value));
  }
  return Append(std::move(event));
}

absl::Status EventWriter::Append(Event event) {
  event.set_wall_time(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
  const std::string record = Framed(event.SerializeAsString());
  for (size_t done = 0; done < record.size();) {
    const ssize_t written = pwrite(fd_, record.data() + done, record.size() - done, size_ + static_cast<int64_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const absl::Status failed = base::FileError("write", file_);
      // A part of a record would hide all later ones. If it stays all the same, the next record is written over it.
      [[maybe_unused]] const int cut = ftruncate(fd_, size_);
      return failed;
    }
    done += static_cast<size_t>(written);
  }
  size_ += static_cast<int64_t>(record.size());
  return absl::OkStatus();
}

}  // namespace vickrey::trainer
