#ifndef VICKREY_MODEL_LAYERS_H_
#define VICKREY_MODEL_LAYERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "vickrey/model/first_layer.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/matrix.h"

namespace vickrey::model {

// Width of a table's rows where they are inputs of layers; and how they start, normal with this deviation.
int EmbeddingWidth(const vickrey::storage::v1::ModelSpec& spec, const vickrey::v1::FeatureField& field);
inline constexpr double kEmbeddingDeviation = 0.05;

// Adds a tensor that starts uniform within 1 / sqrt(inputs).
void AddUniform(std::string name, std::vector<int64_t> shape, int64_t inputs, Layout* layout);

// Adds the tensors of hidden layers, layer.0.context, layer.0.ad, layer.L.weight and layer.L.bias, with ReLU in
// between. INVALID_ARGUMENT for a layer without units.
absl::Status AddHiddenLayers(const vickrey::storage::v1::ModelSpec& spec, Layout* layout);

// Hidden layers, natively. Immutable, so thread-safe.
class HiddenLayers {
 public:
  // REQUIRES: at least one.
  HiddenLayers(const vickrey::storage::v1::ModelSpec& spec, const TensorViews& file);

  // Units of the last layer.
  int64_t outputs() const { return outputs_; }
  // Floats of scratch for so many candidates.
  int64_t ScratchFor(int64_t rows) const { return 2 * rows * widest_; }
  const FirstLayer& first() const { return first_; }

  // The last layer's output, each row `stride` floats behind the one before; it lies in `scratch`. Parameters as of
  // FirstLayer::Ads.
  struct Output {
    const float* rows;
    int64_t stride;
  };
  Output Evaluate(const Batch& batch, const Group& group, int64_t begin, int64_t end, const float* inputs,
                  const float* shared, float* scratch) const;

 private:
  struct Layer {
    PackedMatrix weight;
    std::vector<float> bias;
  };
  FirstLayer first_;
  std::vector<Layer> others_;
  int64_t outputs_, widest_;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_LAYERS_H_
