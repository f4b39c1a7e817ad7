// Networks into and out of artifacts.
#ifndef TRAINER_EXPORT_H_
#define TRAINER_EXPORT_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/data/dataset.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/layout.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

// A network at the start of training, its output at `click_rate`. `outputs`: what the loss reads of a candidate, 1 or
// 2. Its attention is that of `config`, not of `options`. INVALID_ARGUMENT naming the field of `config` that is wrong.
absl::StatusOr<std::unique_ptr<torch::Network>> NewNetwork(const vickrey::config::v1::ModelConfig& config,
                                                           const features::Schema& schema, double click_rate,
                                                           uint64_t seed, torch::Network::Options options);

// What a network is made of. INVALID_ARGUMENT naming the field of `config` that is wrong with this schema.
absl::StatusOr<model::Layout> LayoutOf(const vickrey::config::v1::ModelConfig& config, const features::Schema& schema);

// A network with the weights of a file, for evaluation.
absl::StatusOr<std::unique_ptr<torch::Network>> ReadNetwork(const vickrey::config::v1::ModelConfig& config,
                                                            const features::Schema& schema,
                                                            const std::filesystem::path& weights,
                                                            const at::Device& device);

// What an artifact says beside its weights.
struct Export {
  std::string name, version;
  vickrey::config::v1::ModelConfig model;
  const vickrey::config::v1::TrainConfig* config = nullptr;  // the effective one
  double multiplier = 1;
  vickrey::v1::Provenance provenance;  // the time is filled in
  std::map<std::string, double> metrics;
};
// `weights`: a file of tensors.
absl::StatusOr<model::WrittenArtifact> WriteModel(const std::filesystem::path& root, const Dataset& data,
                                                  const std::filesystem::path& weights, Export out);

}  // namespace vickrey::trainer

#endif  // TRAINER_EXPORT_H_
