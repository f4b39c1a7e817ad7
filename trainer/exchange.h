// What the processes that train one model together tell each other, beside the links that carry it
// (parallel/workers.h). Errors are those of the links, and LibTorch's.
#ifndef TRAINER_EXCHANGE_H_
#define TRAINER_EXCHANGE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/loss/loss.h"
#include "trainer/optim/optimizer.h"
#include "trainer/parallel/workers.h"
#include "trainer/run/checkpoint.h"
#include "vickrey/storage/v1/checkpoint.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// Gives all of them the state and the tensors of rank 0; the tensors only where its state is behind step 0.
absl::Status ShareState(const NamedTensors& tensors, Workers* workers, vickrey::storage::v1::CheckpointFile* state);

// Tells a loss of this part of a batch how large the whole is: `auctions`, and how many of all candidates have a label.
absl::Status FindWhole(int64_t auctions, Workers* workers, LossBatch* part);

// What a step comes to, in one process or all.
struct StepSums {
  double objective = 0;
  int64_t candidates = 0;
  double squares = 0;           // of the gradient: what is added up of its norm
  bool interrupted = false;     // of any
  bool checkpoint_due = false;  // of any
};

// Adds them up over all.
absl::Status AddUp(Workers* workers, StepSums* sums);

// `ddp`: adds up the dense gradient, and puts rows of tables' gradients one behind the other, so that all have all.
// dense_gradient: B bytes, of which each of R processes sends about 2 B (R - 1) / R; tables: it sends its rows to all.
absl::Status AddUpGradients(const at::Tensor& dense_gradient, Workers* workers,
                            std::vector<torch::Network::TableGradient>* tables);

// `zero1`, which is stage 1 of ZeRO (Rajbhandari et al., "ZeRO: Memory optimizations toward training trillion parameter
// models", 2020, arXiv:1910.02054, section 5.1), in two steps, with the optimizer's own part between:
//
// ScatterGradients gives each process the gradient of its shard (Shard::Of) of the network's parameters alone: its part
// of the dense gradient, the rest of which means nothing from then on, and in `tables` its rows of each arena. B (R -
// 1) / R bytes of the dense gradient; each row goes to one process.
absl::Status ScatterGradients(const torch::Network& network, Workers* workers,
                              std::vector<torch::Network::TableGradient>* tables);
// ShareParameters tells all what the dense parameters of a shard, and the rows of arenas that have changed, are now:
// again B (R - 1) / R bytes, as many as `ddp` in all; and each row that has changed, once whatever its repetitions, to
// all.
absl::Status ShareParameters(const torch::Network& network, const std::vector<Optimizer::Rows>& changed,
                             Workers* workers);

// The whole of tensors of which each process has a part, along the first dimension, in the order of the ranks: in
// memory, on rank 0; nothing on the others.
absl::StatusOr<NamedTensors> GatherParts(const NamedTensors& parts, Workers* workers);
// The other way round: from rank 0, whose `whole` is in memory, into the parts of all.
absl::Status ScatterParts(const NamedTensors& whole, const NamedTensors& parts, Workers* workers);

// Replaces the numbers by those of rank 0.
absl::Status TakeFromMain(std::vector<double>* numbers, Workers* workers);

}  // namespace vickrey::trainer

#endif  // TRAINER_EXCHANGE_H_
