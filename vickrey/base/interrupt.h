// SIGTERM and SIGINT end long work at its next step, so that it can tidy up.
#ifndef VICKREY_BASE_INTERRUPT_H_
#define VICKREY_BASE_INTERRUPT_H_

#include "absl/status/status.h"

namespace vickrey::base {

// From now on the signals are noted instead of ending the process. Call once, before threads are made.
void NoteInterrupts();

// CANCELLED (exit code 4) once a signal has come. Cheap enough for an inner loop; thread-safe.
absl::Status CheckInterrupt();

}  // namespace vickrey::base

#endif  // VICKREY_BASE_INTERRUPT_H_
