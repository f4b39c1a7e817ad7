#include "vickrey/model/first_layer.h"

namespace vickrey::model {

FirstLayer::FirstLayer(const std::string& prefix, std::span<const float> bias, const TensorViews& file)
    : context_(file.tensors.at(prefix + ".context")), ad_(file.tensors.at(prefix + ".ad")), bias_(PaddedVector(bias)) {
  bias_.resize(padded());
}

void FirstLayer::Context(const float* inputs, int64_t rows, float* shared) const {
  context_.Multiply(inputs, context_.inputs(), rows, {}, shared, padded());
}

void FirstLayer::Ads(const Batch& batch, const Group& group, int64_t begin, int64_t end, const float* inputs,
                     const float* shared, bool relu, float* out) const {
  const float* starts[kMostRows];
  for (int64_t a = group.begin; a < group.end; ++a) {
    for (int64_t i = std::max(begin, batch.offsets[a]); i < std::min(end, batch.offsets[a + 1]); ++i) {
      starts[i - begin] = shared + (a - group.begin) * padded();
    }
  }
  ad_.Multiply(inputs, ad_.inputs(), end - begin, {.start = starts, .bias = bias_.data(), .relu = relu}, out, padded());
}

}  // namespace vickrey::model
