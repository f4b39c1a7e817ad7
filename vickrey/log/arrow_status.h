// Errors of Arrow, as statuses and as exceptions: converted here and nowhere else.
#ifndef VICKREY_LOG_ARROW_STATUS_H_
#define VICKREY_LOG_ARROW_STATUS_H_

#include <exception>
#include <filesystem>
#include <new>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "arrow/result.h"
#include "arrow/status.h"

namespace vickrey::log {

// What Arrow did with a file, for its errors: "cannot ACTION FILE: reason".
struct ArrowWork {
  std::string_view action;
  const std::filesystem::path& file;
  absl::StatusCode fault;  // of an error that is about the contents of the file
};

// A failed system call becomes what base::FileError makes of it, memory RESOURCE_EXHAUSTED, what Arrow was built
// without UNIMPLEMENTED, anything else `work.fault`. An OK status stays OK.
absl::Status FromArrow(const arrow::Status& status, const ArrowWork& work);
// The same of an exception.
absl::Status FromArrow(const std::exception& error, const ArrowWork& work);

// The result of `body`, which returns an absl::Status or an absl::StatusOr, or the status of what it threw. Arrow
// promises statuses, but for Parquet's own classes and for memory; nothing is thrown past this.
template <typename Body>
auto CatchArrow(const ArrowWork& work, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const std::exception& error) {
    return FromArrow(error, work);
  }
}

}  // namespace vickrey::log

#endif  // VICKREY_LOG_ARROW_STATUS_H_
