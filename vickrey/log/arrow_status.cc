#include "vickrey/log/arrow_status.h"

#include <cerrno>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "arrow/util/io_util.h"
#include "parquet/exception.h"
#include "vickrey/base/files.h"

namespace vickrey::log {
namespace {

absl::Status Error(absl::StatusCode code, const ArrowWork& work, const std::string& message) {
  // Arrow puts where it noticed on lines of their own; damaged files may put anything.
  const std::string line = message.substr(0, std::min(message.find('\n'), size_t{300}));
  return {code, absl::StrCat("cannot ", absl::string_view(work.action.data(), work.action.size()), " ",
                             work.file.string(), ": ", line)};
}

}  // namespace

absl::Status FromArrow(const arrow::Status& status, const ArrowWork& work) {
  if (status.ok()) return absl::OkStatus();
  if (const int error = arrow::internal::ErrnoFromStatus(status); error != 0) {
    errno = error;
    return base::FileError(work.action, work.file);
  }
  switch (status.code()) {
    case arrow::StatusCode::OutOfMemory:
    case arrow::StatusCode::CapacityError:
      return Error(absl::StatusCode::kResourceExhausted, work, status.message());
    case arrow::StatusCode::NotImplemented:
      return Error(absl::StatusCode::kUnimplemented, work, status.message());
    default:
      return Error(work.fault, work, status.message());
  }
}

absl::Status FromArrow(const std::exception& error, const ArrowWork& work) {
  if (const auto* wrapped = dynamic_cast<const parquet::ParquetStatusException*>(&error)) {
    return FromArrow(wrapped->status(), work);
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return Error(absl::StatusCode::kResourceExhausted, work, "out of memory");
  }
  return Error(work.fault, work, error.what());
}

}  // namespace vickrey::log
