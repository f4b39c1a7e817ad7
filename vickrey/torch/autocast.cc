#include "vickrey/torch/autocast.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/api/include/torch/version.h>

namespace vickrey::torch {
namespace {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
void Enable(bool on) {
  at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCUDA, on);
}
#else
void Enable(bool on) {
  at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
  at::autocast::set_enabled(on);
}
#endif

}  // namespace

Autocast::Autocast(bool on) : on_(on) {
  if (!on_) return;
  Enable(true);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!on_) return;
  // The casts of parameters are kept until the outermost one ends.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  Enable(false);
}

}  // namespace vickrey::torch
