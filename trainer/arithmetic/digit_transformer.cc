#include "trainer/arithmetic/digit_transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "vickrey/base/random.h"

namespace vickrey::trainer::arithmetic {

// Lays parameters out one behind the other, then cuts the views.
class DigitTransformer::Maker {
 public:
  explicit Maker(uint64_t seed) : seed_(seed) {}

  void Add(at::Tensor* parameter, std::vector<int64_t> shape, float mean, double deviation) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    base::RandomStream random(seed_, base::StreamId("arithmetic.weights"), parts_.size());
    for (int64_t i = 0; i < count; ++i) {
      values_.push_back(deviation == 0 ? mean : static_cast<float>(deviation * random.Normal()));
    }
    parts_.push_back({parameter, std::move(shape), count});
  }
  void Add(Norm* norm, int64_t width) {
    Add(&norm->weight, {width}, 1, 0);
    Add(&norm->bias, {width}, 0, 0);
  }
  void Add(Linear* linear, int64_t inputs, int64_t outputs, double share = 1) {
    Add(&linear->weight, {outputs, inputs}, 0, share / std::sqrt(static_cast<double>(inputs)));
    Add(&linear->bias, {outputs}, 0, 0);
  }

  void Cut(at::Tensor* parameters, at::Tensor* gradient) {
    *parameters = at::from_blob(values_.data(), {static_cast<int64_t>(values_.size())}, at::kFloat).clone();
    *gradient = at::zeros_like(*parameters);
    int64_t first = 0;
    for (const auto& [parameter, shape, count] : parts_) {
      *parameter = parameters->narrow(0, first, count).view(shape).detach();
      parameter->set_requires_grad(true);
      parameter->mutable_grad() = gradient->narrow(0, first, count).view(shape);
      first += count;
    }
  }

 private:
  struct Part {
    at::Tensor* parameter;
    std::vector<int64_t> shape;
    int64_t count;
  };

  const uint64_t seed_;
  std::vector<Part> parts_;
  std::vector<float> values_;
};

DigitTransformer::DigitTransformer(const Options& options) : options_(options), layers_(options.layers) {
  const int64_t width = options.width, wide = 4 * width;
  const double share = 1 / std::sqrt(2 * static_cast<double>(options.layers));
  const double deviation = 1 / std::sqrt(static_cast<double>(width));
  Maker maker(options.seed);
  maker.Add(&embedding_, {options.tokens, width}, 0, deviation);
  maker.Add(&places_, {options.positions, width}, 0, deviation);
  for (Layer& layer : layers_) {
    maker.Add(&layer.attention_norm, width);
    maker.Add(&layer.attention, width, 3 * width);
    maker.Add(&layer.project, width, width, share);
    maker.Add(&layer.perceptron_norm, width);
    maker.Add(&layer.up, width, wide);
    maker.Add(&layer.down, wide, width, share);
  }
  maker.Add(&norm_, width);
  maker.Add(&head_, width, options.tokens);
  maker.Cut(&parameters_, &gradient_);
}

at::Tensor DigitTransformer::Normed(const Norm& norm, const at::Tensor& x) const {
  return at::layer_norm(x, {options_.width}, norm.weight, norm.bias);
}

at::Tensor DigitTransformer::Attention(const Layer& layer, const at::Tensor& x) const {
  const int64_t rows = x.size(0), length = x.size(1), heads = options_.heads;
  // (3, rows, heads, length, width / heads)
  const at::Tensor parts = at::linear(Normed(layer.attention_norm, x), layer.attention.weight, layer.attention.bias)
                               .view({rows, length, 3, heads, options_.width / heads})
                               .permute({2, 0, 3, 1, 4});
  const at::Tensor mixed = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], /*attn_mask=*/{},
                                                            /*dropout_p=*/0, /*is_causal=*/true);
  return at::linear(mixed.transpose(1, 2).reshape({rows, length, options_.width}), layer.project.weight,
                    layer.project.bias);
}

at::Tensor DigitTransformer::Logits(const at::Tensor& tokens) const {
  TORCH_CHECK(tokens.size(1) <= options_.positions, "a row has ", tokens.size(1), " tokens; at most ",
              options_.positions, " have a place");
  at::Tensor x = at::embedding(embedding_, tokens) + places_.narrow(0, 0, tokens.size(1));
  for (const Layer& layer : layers_) {
    x = x + Attention(layer, x);
    const at::Tensor up = at::linear(Normed(layer.perceptron_norm, x), layer.up.weight, layer.up.bias);
    x = x + at::linear(at::gelu(up), layer.down.weight, layer.down.bias);
  }
  return at::linear(Normed(norm_, x), head_.weight, head_.bias);
}

}  // namespace vickrey::trainer::arithmetic
