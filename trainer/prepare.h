// What a job needs before its first step: the device, the data, the network, and what a loss takes from the data.
#ifndef TRAINER_PREPARE_H_
#define TRAINER_PREPARE_H_

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "vickrey/config/v1/loss.pb.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// The device that the configuration names; a process of several has a GPU of its own. INVALID_ARGUMENT naming the field
// where it cannot be had.
absl::StatusOr<at::Device> DeviceFor(const vickrey::config::v1::TrainConfig& config, int local_rank, int processes);

// The snapshot as the configuration's `data` says, below `root`, where another job may have encoded it already.
// INVALID_ARGUMENT where nothing of it is for training, or `root` is the log's folder.
absl::StatusOr<std::unique_ptr<Grouping>> EncodeData(const vickrey::config::v1::TrainConfig& config,
                                                     const std::filesystem::path& db, const std::string& snapshot_id,
                                                     const std::filesystem::path& root);

// The network at the start of training.
absl::StatusOr<std::unique_ptr<torch::Network>> StartNetwork(const vickrey::config::v1::TrainConfig& config,
                                                             const Grouping& data, const at::Device& device);

// The error of a network as one of the configuration: its field `hidden`, say, is PREFIX.hidden.
absl::Status UnderModel(const std::string& prefix, const absl::Status& status);

// Gives *loss what it takes from the data, unless it was given: the click rate, the scale of money, the competition.
absl::Status FillFromData(const Selection& train, const Labels& labels, bool base_rate_given,
                          vickrey::config::v1::LossConfig* loss);

}  // namespace vickrey::trainer

#endif  // TRAINER_PREPARE_H_
