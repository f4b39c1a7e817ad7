// The connections of a process to its peers: what Workers is built on.
#ifndef TRAINER_PARALLEL_LINKS_H_
#define TRAINER_PARALLEL_LINKS_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trainer/parallel/environment.h"

namespace vickrey::trainer {

// Not thread-safe. Destruction waits for nobody.
class Links {
 public:
  virtual ~Links() = default;

  // Sends to[r] to each rank r and receives from[r] of it; one that is undefined or empty stands for nothing, as must
  // those of this rank itself. A tensor may be sent to several. Returns when all of it has been received and handed to
  // the network. UNAVAILABLE, with the rank and `operation`, where a peer has not taken part by the deadline or its
  // connection is lost; the content of `from` and the connections are then of no more use.
  // REQUIRES: contiguous tensors on the device of the links; the peer's from[this rank] has as many bytes as to[r].
  virtual absl::Status Exchange(std::string_view operation, const std::vector<at::Tensor>& to,
                                const std::vector<at::Tensor>& from, absl::Time deadline) = 0;
};

struct Connections {
  std::unique_ptr<Links> host;    // for tensors in memory: gloo
  std::unique_ptr<Links> device;  // for those on `device`: NCCL. Null where there is none: by way of memory
};

// Meets the peers, as the environment says, and connects to each. UNAVAILABLE, with the rank, where the store or a peer
// is not there by the deadline; UNIMPLEMENTED where the LibTorch of this build has no gloo that can be used.
// REQUIRES: environment.size > 1.
absl::StatusOr<Connections> Connect(const Environment& environment, const at::Device& device, absl::Time deadline);

}  // namespace vickrey::trainer

#endif  // TRAINER_PARALLEL_LINKS_H_
