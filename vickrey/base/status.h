// Errors. Every fallible function of the project returns absl::Status or absl::StatusOr; nothing throws across a
// function boundary. Other libraries' errors are converted in one place each: base/grpc_status.h,
// log/rocksdb_status.h, log/arrow_status.h, torch/exceptions.h.
#ifndef VICKREY_BASE_STATUS_H_
#define VICKREY_BASE_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::base {

// An INVALID_ARGUMENT about one field of an input: the message reads "FIELD: MESSAGE", and FieldOf gives the field
// back, so that a program can report it apart.
absl::Status InvalidField(std::string_view field, std::string_view message);

// The field that a status is about, if it was made by InvalidField.
std::optional<std::string> FieldOf(const absl::Status& status);

// The same error, about `field`. An OK status stays OK.
absl::Status AboutField(const absl::Status& status, std::string_view field);

// The same error, about line `line` (from 1) of the input; LineOf gives it back. An OK status stays OK.
absl::Status AtLine(const absl::Status& status, int64_t line);
std::optional<int64_t> LineOf(const absl::Status& status);

// The same error with `prefix` before its message ("while importing a.tsv: ..."). An OK status stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view prefix);

// What a program's exit code says (public API).
enum ExitCode : int {
  kGood = 0,
  kCheckFailed = 1,  // the work was done and its answer is "no": welfare worse, verification found problems
  kBadInput = 2,     // usage or bad input
  kEnvironment = 3,  // something outside: disk, network, a missing library
  kInterrupted = 4,  // stopped by a signal; can be resumed
};

// The exit code for a status that ended a program.
ExitCode ExitCodeOf(const absl::Status& status);

namespace internal {
inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}
}  // namespace internal

}  // namespace vickrey::base

// RETURN_IF_ERROR(expression): leaves the function with the expression's status unless it is OK.
#define RETURN_IF_ERROR(expression)                                        \
  do {                                                                     \
    if (const auto& vickrey_result = (expression); !vickrey_result.ok()) { \
      return ::vickrey::base::internal::StatusOf(vickrey_result);          \
    }                                                                      \
  } while (false)

// ASSIGN_OR_RETURN(auto value, expression): the value of an absl::StatusOr, or leaves the function with its status.
#define ASSIGN_OR_RETURN(declaration, expression) \
  VICKREY_ASSIGN_OR_RETURN_(VICKREY_CONCAT_(vickrey_result_, __LINE__), declaration, expression)
#define VICKREY_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) return result.status();                        \
  declaration = std::move(result).value()
#define VICKREY_CONCAT_(a, b) VICKREY_CONCAT_INNER_(a, b)
#define VICKREY_CONCAT_INNER_(a, b) a##b

#endif  // VICKREY_BASE_STATUS_H_
