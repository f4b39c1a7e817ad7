#include "trainer/export.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/model/layout.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::ModelConfig;
using vickrey::storage::v1::ModelSpec;

constexpr double kLeastRate = 1e-6;

ModelSpec SpecOf(const ModelConfig& config) {
  ModelSpec spec;
  spec.set_architecture(config.architecture());
  *spec.mutable_hidden() = config.hidden();
  spec.set_cross_layers(config.cross_layers());
  spec.set_cross_rank(config.cross_rank());
  return spec;
}

}  // namespace

absl::StatusOr<std::unique_ptr<torch::Network>> NewNetwork(const ModelConfig& config, const Dataset& data,
                                                           double click_rate, uint64_t seed, int outputs) {
  const auto layout = model::MakeLayout(SpecOf(config), *data.schema);
  RETURN_IF_ERROR(layout);
  model::TensorFile start = model::StartTensors(*layout, seed);
  const double rate = std::clamp(click_rate, kLeastRate, 1 - kLeastRate);
  start.tensors.at(layout->output_bias).values[0] = static_cast<float>(std::log(rate / (1 - rate)));
  return torch::Network::Create(SpecOf(config), *data.schema, model::ViewOf(start), {.outputs = outputs});
}

absl::StatusOr<std::unique_ptr<torch::Network>> WithWeights(const ModelConfig& config, const Dataset& data,
                                                            const model::TensorFile& weights) {
  return torch::Network::Create(SpecOf(config), *data.schema, model::ViewOf(weights));
}

absl::StatusOr<model::WrittenArtifact> WriteModel(const std::filesystem::path& root, const Dataset& data,
                                                  const model::TensorFile& weights, Export out) {
  vickrey::storage::v1::ModelFile file;
  file.set_name(out.name);
  file.set_version(out.version);
  *file.mutable_spec() = SpecOf(out.model);
  *file.mutable_schema() = data.schema->proto();
  file.mutable_calibration()->set_multiplier(out.multiplier);
  *file.mutable_provenance() = std::move(out.provenance);
  file.mutable_provenance()->set_trained_time(absl::ToUnixMicros(absl::Now()));
  file.mutable_statistics()->Add(data.statistics.begin(), data.statistics.end());
  file.mutable_metrics()->insert(out.metrics.begin(), out.metrics.end());
  RETURN_IF_ERROR(base::FromJson(base::ToJson(*out.config), file.mutable_training()));
  return model::WriteArtifact(root, std::move(file), model::ViewOf(weights));
}

}  // namespace vickrey::trainer
