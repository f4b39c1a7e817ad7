#include "vickrey/base/interrupt.h"

#include <csignal>

namespace vickrey::base {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void Note(int) { interrupted = 1; }

}  // namespace

void NoteInterrupts() {
  std::signal(SIGTERM, &Note);
  std::signal(SIGINT, &Note);
}

absl::Status CheckInterrupt() {
  return interrupted != 0 ? absl::CancelledError("interrupted by a signal") : absl::OkStatus();
}

}  // namespace vickrey::base
