#include "vickrey/model/layers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::model {

using vickrey::storage::v1::ModelSpec;

int EmbeddingWidth(const ModelSpec&, const vickrey::v1::FeatureField& field) { return field.embedding_width(); }

void AddUniform(std::string name, std::vector<int64_t> shape, int64_t inputs, Layout* layout) {
  layout->tensors.push_back({.name = std::move(name),
                             .shape = std::move(shape),
                             .start = TensorSpec::Start::kUniform,
                             .scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(inputs, 1)))});
}

absl::Status AddHiddenLayers(const ModelSpec& spec, Layout* layout) {
  constexpr int kMostLayers = 64;
  if (spec.hidden_size() > kMostLayers) {
    return base::InvalidField(
        "hidden", absl::StrCat("has ", spec.hidden_size(), " layers; at most ", kMostLayers, " are allowed"));
  }
  const int64_t context = layout->context.width(), ad = layout->ad.width();
  for (int l = 0; l < spec.hidden_size(); ++l) {
    const int64_t outputs = spec.hidden(l);
    if (outputs < 1) return base::InvalidField("hidden", "a layer needs at least one unit");
    const int64_t inputs = l == 0 ? context + ad : spec.hidden(l - 1);
    if (l == 0) {
      AddUniform("layer.0.context", {outputs, context}, inputs, layout);
      AddUniform("layer.0.ad", {outputs, ad}, inputs, layout);
    } else {
      AddUniform(absl::StrCat("layer.", l, ".weight"), {outputs, inputs}, inputs, layout);
    }
    AddUniform(absl::StrCat("layer.", l, ".bias"), {outputs}, inputs, layout);
  }
  return absl::OkStatus();
}

HiddenLayers::HiddenLayers(const ModelSpec& spec, const TensorViews& file)
    : first_("layer.0", file.tensors.at("layer.0.bias").values, file),
      outputs_(spec.hidden(spec.hidden_size() - 1)),
      widest_(first_.padded()) {
  for (int l = 1; l < spec.hidden_size(); ++l) {
    Layer& layer =
        others_.emplace_back(Layer{PackedMatrix(file.tensors.at(absl::StrCat("layer.", l, ".weight"))),
                                   PaddedVector(file.tensors.at(absl::StrCat("layer.", l, ".bias")).values)});
    widest_ = std::max(widest_, layer.weight.padded());
  }
}

HiddenLayers::Output HiddenLayers::Evaluate(const Batch& batch, const Group& group, int64_t begin, int64_t end,
                                            const float* inputs, const float* shared, float* scratch) const {
  const int64_t rows = end - begin;
  float* now = scratch;
  float* next = scratch + rows * widest_;
  first_.Ads(batch, group, begin, end, inputs, shared, /*relu=*/true, now);
  int64_t stride = first_.padded();
  for (const Layer& layer : others_) {
    layer.weight.Multiply(now, stride, rows, {.bias = layer.bias.data(), .relu = true}, next, layer.weight.padded());
    stride = layer.weight.padded();
    std::swap(now, next);
  }
  return {now, stride};
}

}  // namespace vickrey::model
