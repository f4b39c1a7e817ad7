// One step of training: what `vickrey train` repeats and `vickrey cost` measures.
#ifndef TRAINER_STEP_H_
#define TRAINER_STEP_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/data/loader.h"
#include "trainer/exchange.h"
#include "trainer/loss/loss.h"
#include "trainer/optim/optimizer.h"
#include "trainer/parallel/workers.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

struct StepOptions {
  uint64_t seed = 1;                               // of dropout
  vickrey::config::v1::OptimizerConfig optimizer;  // finished
  bool zero1 = false;                              // how several processes communicate; else `ddp`
  bool bfloat16 = false;                           // matrix products, on CUDA
};

// How the batches of steps [first, end) are read for a process of `workers`: far enough ahead that a step does not
// wait, on a GPU by several threads. The network must outlive the loader.
Loader::Options StepLoaderOptions(int64_t first, int64_t end, const Workers& workers, const torch::Network& network);

// Takes steps of a network, in one process alone or in all of a group alike:
//
//   1. Differentiate, of this process's part of the step's batch;
//   2. AddUp (exchange.h) of what it gives, where there are several processes;
//   3. Apply, unless the objective is none to go on with.
//
// Not thread-safe. Loss, workers and network must outlive it.
class Stepper {
 public:
  Stepper(StepOptions options, const Loss& loss, Workers* workers, torch::Network* network);

  // One at the start of its state, in place of the last. Throws as LibTorch does. REQUIRES: before the first step.
  void NewOptimizer();
  Optimizer& optimizer() { return *optimizer_; }
  const Optimizer& optimizer() const { return *optimizer_; }
  // Whether each process has one part of the optimizer's state.
  bool sharded() const { return sharded_; }

  // The objective of step `step` (from 0) over `auctions` in all processes, and its gradient, which the optimizer takes
  // up. Of *sums it sets what this process adds to them.
  absl::Status Differentiate(int64_t step, int64_t auctions, const Point& point, TrainBatch* batch, StepSums* sums);
  // One step along that gradient, at a share of the peak learning rate. False, with nothing changed, where the gradient
  // is not finite. `sums`: of all processes.
  absl::StatusOr<bool> Apply(const StepSums& sums, double share);

 private:
  // The objective of the batch, its gradients added up in the network and in `tables`.
  double Backward(int64_t step, const TrainBatch& batch, const Point& point,
                  std::vector<torch::Network::TableGradient>* tables);

  const StepOptions options_;
  const Loss& loss_;
  Workers& workers_;
  torch::Network& network_;
  const bool sharded_;
  std::unique_ptr<Optimizer> optimizer_;
  double squares_ = 0;  // of the gradient that is prepared: of all of it, or of this process's part
};

}  // namespace vickrey::trainer

#endif  // TRAINER_STEP_H_
