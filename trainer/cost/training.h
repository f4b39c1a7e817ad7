// A training of which nothing but its steps is done.
#ifndef TRAINER_COST_TRAINING_H_
#define TRAINER_COST_TRAINING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/config.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "trainer/data/loader.h"
#include "trainer/loss/loss.h"
#include "trainer/parallel/workers.h"
#include "trainer/step.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer::cost {

// The steps of a job as Fit does them, without its evaluations and checkpoints, on the training part of a snapshot,
// over and over; in one process or, started by torchrun and its like, in several alike. Where labels are a teacher's it
// reads clicks in their place. Nothing is written but the dataset. Not thread-safe.
class Training {
 public:
  // Encodes the snapshot below `root` and checks what a job checks.
  static absl::StatusOr<std::unique_ptr<Training>> Create(JobConfig job, const std::filesystem::path& db,
                                                          const std::string& snapshot_id,
                                                          const std::filesystem::path& root);

  const vickrey::config::v1::TrainConfig& config() const { return config_; }  // finished
  const at::Device& device() const { return workers_->device(); }
  Workers& workers() { return *workers_; }
  const Grouping& data() const { return *data_; }
  // What parameters and the optimizer's state take in this process, without gradients and batches.
  int64_t least_bytes() const { return least_bytes_; }

  // Makes what takes memory: network, optimizer, batches that are read ahead. REQUIRED before what follows.
  absl::Status Start();
  const torch::Network& network() const { return *network_; }
  const Optimizer& optimizer() const { return stepper_->optimizer(); }
  double seconds_waited() const { return loader_->seconds_waited(); }  // for batches

  // The next step, at a share of the peak learning rate and with the loss as it stands after `progress` (0 to 1) of a
  // training. Before it, `look` sees this process's part of the batch. How many candidates it was of in all processes.
  // INTERNAL where the objective or the gradient is not finite.
  absl::StatusOr<int64_t> Step(
      double share, double progress,
      absl::FunctionRef<absl::Status(const TrainBatch&)> look = [](const TrainBatch&) { return absl::OkStatus(); });

  // Waits until what was asked of the device is done.
  absl::Status Wait() const;

 private:
  explicit Training(vickrey::config::v1::TrainConfig config) : config_(std::move(config)) {}

  vickrey::config::v1::TrainConfig config_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<Grouping> data_;
  std::optional<Labels> labels_;
  std::unique_ptr<Loss> loss_;
  BatchPlan plan_;
  int64_t least_bytes_ = 0;
  std::unique_ptr<torch::Network> network_;
  std::unique_ptr<Stepper> stepper_;
  std::unique_ptr<Loader> loader_;
  int64_t step_ = 0;
};

}  // namespace vickrey::trainer::cost

#endif  // TRAINER_COST_TRAINING_H_
