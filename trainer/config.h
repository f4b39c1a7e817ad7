#ifndef TRAINER_CONFIG_H_
#define TRAINER_CONFIG_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/train.pb.h"

namespace vickrey::trainer {

// A job's configuration, checked, with every default that does not depend on the data.
struct JobConfig {
  vickrey::config::v1::TrainConfig config;
  bool base_rate_given = false;  // else it is the training set's click rate
};

// Reads a TrainConfig; `settings` ("loss.sigma=4") go over the file. Where the loss is welfare_rank, what is absent is
// taken from the default recipe (docs/losses.md). INVALID_ARGUMENT naming file, line and field; combinations that make
// no sense are refused with the reason.
absl::StatusOr<JobConfig> LoadJobConfig(const std::filesystem::path& file, const std::vector<std::string>& settings);

}  // namespace vickrey::trainer

#endif  // TRAINER_CONFIG_H_
