// What the ways of connecting have in common. Only for files that include c10d.
#ifndef TRAINER_PARALLEL_STORE_H_
#define TRAINER_PARALLEL_STORE_H_

#include <chrono>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trainer/parallel/environment.h"
#include "trainer/parallel/links.h"

namespace vickrey::trainer {

// The store that the processes find each other by, restricted to the keys of this start of the group.
using Store = c10::intrusive_ptr<c10d::Store>;

// At least one: for c10d, none means no limit.
std::chrono::milliseconds MillisecondsUntil(absl::Time deadline);

// The error of a call of c10d that waited for `what`: what LibTorch does not explain is that it did not get it,
// UNAVAILABLE. An OK status stays OK.
absl::Status PeerLost(const std::string& what, const absl::Status& status);

// The links for tensors on a CUDA device; null where this build has none.
absl::StatusOr<std::unique_ptr<Links>> ConnectDevice(const Environment& environment, const Store& store,
                                                     const at::Device& device, absl::Time deadline);

}  // namespace vickrey::trainer

#endif  // TRAINER_PARALLEL_STORE_H_
