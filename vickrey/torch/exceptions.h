// LibTorch's exceptions -> absl::Status: the one place where they are caught.
#ifndef VICKREY_TORCH_EXCEPTIONS_H_
#define VICKREY_TORCH_EXCEPTIONS_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::torch {

// The exception that is being handled, as a status: memory that ran out is RESOURCE_EXHAUSTED; an index, type or value
// that LibTorch refuses INVALID_ARGUMENT; what it does not support UNIMPLEMENTED; anything else INTERNAL. The message
// is without LibTorch's stack trace. REQUIRES: called inside a catch block.
absl::Status StatusOfCurrentException();

// Runs `f`, which may throw, and gives its result: absl::Status where f returns nothing, else absl::StatusOr of what it
// returns.
template <typename F>
auto CatchTorch(F&& f) {
  using R = std::invoke_result_t<F>;
  if constexpr (std::is_void_v<R>) {
    try {
      std::forward<F>(f)();
      return absl::OkStatus();
    } catch (...) {
      return StatusOfCurrentException();
    }
  } else {
    try {
      return absl::StatusOr<R>(std::forward<F>(f)());
    } catch (...) {
      return absl::StatusOr<R>(StatusOfCurrentException());
    }
  }
}

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_EXCEPTIONS_H_
