#include "trainer/export.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "vickrey/base/json.h"
#include "vickrey/base/mapped_file.h"
#include "vickrey/base/status.h"
#include "vickrey/model/layout.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::ModelConfig;
using vickrey::storage::v1::ModelSpec;

constexpr double kLeastRate = 1e-6;
constexpr size_t kMostWeightBytes = size_t{1} << 42;

ModelSpec SpecOf(const ModelConfig& config) {
  ModelSpec spec;
  spec.set_architecture(config.architecture());
  *spec.mutable_hidden() = config.hidden();
  spec.set_cross_layers(config.cross_layers());
  spec.set_cross_rank(config.cross_rank());
  spec.set_attention_layers(config.attention_layers());
  spec.set_attention_heads(config.attention_heads());
  spec.set_attention_width(config.attention_width());
  spec.set_field_width(config.field_width());
  return spec;
}

torch::Attention AttentionOf(const ModelConfig& config) {
  return config.attention() == "composed" ? torch::Attention::kComposed : torch::Attention::kFused;
}

}  // namespace

absl::StatusOr<std::unique_ptr<torch::Network>> NewNetwork(const ModelConfig& config, const features::Schema& schema,
                                                           double click_rate, uint64_t seed,
                                                           torch::Network::Options options) {
  const auto layout = model::MakeLayout(SpecOf(config), schema);
  RETURN_IF_ERROR(layout);
  model::TensorFile start = model::StartTensors(*layout, seed);
  const double rate = std::clamp(click_rate, kLeastRate, 1 - kLeastRate);
  start.tensors.at(layout->output_bias).values[0] = static_cast<float>(std::log(rate / (1 - rate)));
  options.attention = AttentionOf(config);
  return torch::Network::Create(SpecOf(config), schema, model::ViewOf(start), options);
}

absl::StatusOr<model::Layout> LayoutOf(const ModelConfig& config, const features::Schema& schema) {
  return model::MakeLayout(SpecOf(config), schema);
}

absl::StatusOr<std::unique_ptr<torch::Network>> ReadNetwork(const ModelConfig& config, const features::Schema& schema,
                                                            const std::filesystem::path& weights,
                                                            const at::Device& device) {
  ASSIGN_OR_RETURN(const auto file, base::MappedFile::Open(weights, kMostWeightBytes));
  ASSIGN_OR_RETURN(const model::TensorViews views, model::ParseTensors(file->bytes()));
  return torch::Network::Create(SpecOf(config), schema, views,
                                {.device = device, .learns = false, .attention = AttentionOf(config)});
}

absl::StatusOr<model::WrittenArtifact> WriteModel(const std::filesystem::path& root, const Dataset& data,
                                                  const std::filesystem::path& weights, Export out) {
  ASSIGN_OR_RETURN(const auto mapped, base::MappedFile::Open(weights, kMostWeightBytes));
  ASSIGN_OR_RETURN(const model::TensorViews views, model::ParseTensors(mapped->bytes()));
  vickrey::storage::v1::ModelFile file;
  file.set_name(out.name);
  file.set_version(out.version);
  *file.mutable_spec() = SpecOf(out.model);
  *file.mutable_schema() = data.schema()->proto();
  file.mutable_calibration()->set_multiplier(out.multiplier);
  *file.mutable_provenance() = std::move(out.provenance);
  file.mutable_provenance()->set_trained_time(absl::ToUnixMicros(absl::Now()));
  file.mutable_statistics()->Add(data.statistics().begin(), data.statistics().end());
  file.mutable_metrics()->insert(out.metrics.begin(), out.metrics.end());
  RETURN_IF_ERROR(base::FromJson(base::ToJson(*out.config), file.mutable_training()));
  return model::WriteArtifact(root, std::move(file), views);
}

}  // namespace vickrey::trainer
