// A small decoder-only transformer over tokens, on LibTorch.
#ifndef TRAINER_ARITHMETIC_DIGIT_TRANSFORMER_H_
#define TRAINER_ARITHMETIC_DIGIT_TRANSFORMER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace vickrey::trainer::arithmetic {

// What the token after each position will be, by the tokens up to it and none behind it:
//
//   x = embedding[token] + place[position]
//   for each layer:  x += project(attention(norm(x)));  x += down(gelu(up(norm(x))))
//   logits = head(norm(x))
//
// with causal attention of several heads, layer norms in front (Radford et al., "Language models are unsupervised
// multitask learners", 2019) and a perceptron of four times the width. Places are learned one by one: what stands
// further back than anything that was trained on has a place that was never trained.
//
// All parameters are views of one flat tensor, and so are their gradients. Evaluation is const and thread-safe as long
// as nobody changes the parameters. Throws as LibTorch does.
class DigitTransformer {
 public:
  struct Options {
    int64_t tokens = 0;     // different ones
    int64_t positions = 0;  // of the longest row
    int64_t width = 64;     // a multiple of heads
    int64_t layers = 2;
    int64_t heads = 4;
    uint64_t seed = 1;  // of the first weights: normal with variance 1 / inputs, what adds to x the smaller the more do
  };
  explicit DigitTransformer(const Options& options);

  // tokens: (rows, length), int64, length <= positions. (rows, length, tokens), float, differentiable.
  at::Tensor Logits(const at::Tensor& tokens) const;

  // (parameters), float: what is written into it is what they are.
  const at::Tensor& parameters() const { return parameters_; }
  // Into which each backward pass adds.
  const at::Tensor& gradient() const { return gradient_; }

 private:
  struct Norm {
    at::Tensor weight, bias;  // (width)
  };
  struct Linear {
    at::Tensor weight, bias;  // (outputs, inputs), (outputs)
  };
  struct Layer {
    Norm attention_norm, perceptron_norm;
    Linear attention;  // queries, keys and values
    Linear project, up, down;
  };
  class Maker;

  at::Tensor Normed(const Norm& norm, const at::Tensor& x) const;
  at::Tensor Attention(const Layer& layer, const at::Tensor& x) const;

  const Options options_;
  at::Tensor parameters_, gradient_;
  at::Tensor embedding_, places_;  // (tokens, width), (positions, width)
  std::vector<Layer> layers_;
  Norm norm_;
  Linear head_;
};

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_DIGIT_TRANSFORMER_H_
