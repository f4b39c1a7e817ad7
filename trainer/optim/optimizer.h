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
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// The learning rate of step `step` (from 0) of `steps` as a share of its peak.
double LearningRateAt(const vickrey::config::v1::OptimizerConfig& config, int64_t step, int64_t steps);

// Optimizes all parameters of a network: the dense ones by one rule, the rows of tables that a batch read by another.
//
// Not thread-safe. Throws as LibTorch does.
class Optimizer {
 public:
  // `config`: finished. The network must outlive it.
  Optimizer(const vickrey::config::v1::OptimizerConfig& config, const torch::Network& network);

  // One step along the network's dense gradient, which is zero then, and those of tables, at a share of the peak
  // learning rate. False, with nothing changed, where the gradient is not finite.
  bool Step(const std::vector<torch::Network::TableGradient>& tables, double share);

  // What a checkpoint keeps beside the parameters: tensors, which are the state itself, and step counts, by name.
  std::map<std::string, at::Tensor> state() const;
  std::map<std::string, int64_t> steps() const;
  // DATA_LOSS where an optimizer's are missing.
  absl::Status set_steps(const std::map<std::string, int64_t>& steps);

 private:
  const vickrey::config::v1::OptimizerConfig config_;
  const torch::Network& network_;
  DenseOptimizer dense_;
  std::map<std::string, std::unique_ptr<TableOptimizer>> tables_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_OPTIMIZER_H_
