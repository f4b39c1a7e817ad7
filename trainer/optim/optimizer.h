#ifndef TRAINER_OPTIM_OPTIMIZER_H_
#define TRAINER_OPTIM_OPTIMIZER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "trainer/optim/dense_optimizer.h"
#include "trainer/optim/table_optimizer.h"
#include "trainer/parallel/shard.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// The learning rate of step `step` (from 0) of `steps` as a share of its peak.
double LearningRateAt(const vickrey::config::v1::OptimizerConfig& config, int64_t step, int64_t steps);

// Optimizes all parameters of a network, the dense ones by one rule, the rows of tables that a batch read by another;
// or one part of them, where each of several processes has the state of a part alone: that of Shard::Of the dense
// parameters in their order, and of the rows of each arena.
//
// Its life: for each step Prepare, Apply, and changed() where others have to be told; for a checkpoint state() and
// steps().
//
// Not thread-safe. Throws as LibTorch does.
class Optimizer {
 public:
  // Which of how many parts. Default: the whole.
  struct Part {
    int rank = 0;
    int ranks = 1;
  };

  // `config`: finished. The network must outlive it.
  Optimizer(const vickrey::config::v1::OptimizerConfig& config, const torch::Network& network, const Part& part);
  Optimizer(const vickrey::config::v1::OptimizerConfig& config, const torch::Network& network)
      : Optimizer(config, network, Part()) {}

  // Takes up the network's dense gradient, and those of tables: `tables`, of each arena and of rows of this part alone.
  // The square of the Euclidean norm of this part of the gradient.
  double Prepare(const std::vector<torch::Network::TableGradient>& tables);
  // One step of this part of the parameters along what is prepared, at a share of the peak learning rate; the network's
  // dense gradient is zero then. `squares`: the square of the norm of the whole gradient, which is clipped by it.
  // False, with nothing changed, where that is not finite. REQUIRES: Prepare, once for each.
  bool Apply(double squares, double share);

  // Rows of an arena.
  struct Rows {
    std::string parameter;
    at::Tensor rows;  // (R), int64, each once
  };
  // Those of each arena that the last Apply has changed.
  std::vector<Rows> changed() const;

  // What a checkpoint keeps beside the parameters: tensors, which are the state of this part itself, and step counts,
  // by name. The parts of a tensor make that of the whole, one behind the other.
  std::map<std::string, at::Tensor> state() const;
  std::map<std::string, int64_t> steps() const;
  // DATA_LOSS where an optimizer's are missing.
  absl::Status set_steps(const std::map<std::string, int64_t>& steps);
  // Tensors in memory of the names and shapes that the state of the whole has; their content is nothing yet.
  std::map<std::string, at::Tensor> EmptyWhole() const;
  int64_t state_bytes() const;  // of this part

 private:
  // The part of `whole`, along its first dimension.
  Shard ShardOf(const at::Tensor& whole) const { return Shard::Of(whole.size(0), part_.rank, part_.ranks); }
  at::Tensor PartOf(const at::Tensor& whole) const { return whole.slice(0, ShardOf(whole).begin, ShardOf(whole).end); }

  const vickrey::config::v1::OptimizerConfig config_;
  const torch::Network& network_;
  const Part part_;
  DenseOptimizer dense_;
  std::map<std::string, std::unique_ptr<TableOptimizer>> tables_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_OPTIMIZER_H_
