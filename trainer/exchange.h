// What the processes that train one model together tell each other, beside the links that carry it
// (parallel/workers.h). Errors are those of the links, and LibTorch's.
#ifndef TRAINER_EXCHANGE_H_
#define TRAINER_EXCHANGE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "trainer/loss/loss.h"
#include "trainer/parallel/workers.h"
#include "trainer/run/checkpoint.h"
#include "vickrey/storage/v1/checkpoint.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// Gives all of them the state and the tensors of rank 0; the tensors only where its state is behind step 0.
absl::Status ShareState(const NamedTensors& tensors, Workers* workers, vickrey::storage::v1::CheckpointFile* state);

// Tells a loss of this part of a batch how large the whole is: `auctions`, and how many of all candidates have a label.
absl::Status FindWhole(int64_t auctions, Workers* workers, LossBatch* part);

// What a step comes to.
struct StepSums {
  double objective = 0;
  int64_t candidates = 0;
  bool interrupted = false;  // of any
};

// Adds up over all of them the sums of a step, the dense gradient, and the gradients of tables, whose rows are put one
// behind the other.
absl::Status AddUp(const at::Tensor& dense_gradient, Workers* workers, StepSums* sums,
                   std::vector<torch::Network::TableGradient>* tables);

// Replaces the numbers by those of rank 0.
absl::Status TakeFromMain(std::vector<double>* numbers, Workers* workers);

}  // namespace vickrey::trainer

#endif  // TRAINER_EXCHANGE_H_
