#include "vickrey/torch/exceptions.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace vickrey::torch {
namespace {

absl::Status Make(absl::StatusCode code, const std::string& what) { return {code, absl::StrCat("LibTorch: ", what)}; }

}  // namespace

absl::Status StatusOfCurrentException() {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& e) {
    return Make(absl::StatusCode::kResourceExhausted, e.what_without_backtrace());
  } catch (const c10::IndexError& e) {
    return Make(absl::StatusCode::kInvalidArgument, e.what_without_backtrace());
  } catch (const c10::ValueError& e) {
    return Make(absl::StatusCode::kInvalidArgument, e.what_without_backtrace());
  } catch (const c10::TypeError& e) {
    return Make(absl::StatusCode::kInvalidArgument, e.what_without_backtrace());
  } catch (const c10::NotImplementedError& e) {
    return Make(absl::StatusCode::kUnimplemented, e.what_without_backtrace());
  } catch (const c10::Error& e) {
    const std::string what = e.what_without_backtrace();
    // Of the CPU's allocator, which has no type for it.
    const bool memory = absl::StrContains(what, "DefaultCPUAllocator");
    return Make(memory ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal, what);
  } catch (const std::bad_alloc&) {
    return Make(absl::StatusCode::kResourceExhausted, "out of memory");
  } catch (const std::exception& e) {
    return Make(absl::StatusCode::kInternal, e.what());
  } catch (...) {
    return Make(absl::StatusCode::kInternal, "an exception of unknown type");
  }
}

}  // namespace vickrey::torch
