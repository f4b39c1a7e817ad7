// Optimizers of the parameters that every batch touches, all of them in one flat tensor.
#ifndef TRAINER_OPTIM_DENSE_OPTIMIZER_H_
#define TRAINER_OPTIM_DENSE_OPTIMIZER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace vickrey::trainer {

// How a parameter w and its state change in step t, g being its gradient times the scale.
struct DenseRule {
  enum class Kind {
    // m += (1 - beta1) (g - m), v += (1 - beta2) (g^2 - v),
    // w -= learning_rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
    // with g += weight_decay w before it (torch.optim.Adam; Kingma and Ba, "Adam", 2015, algorithm 1).
    kAdam,
    // The same with w *= 1 - learning_rate weight_decay before it instead (torch.optim.AdamW; Loshchilov and Hutter,
    // "Decoupled weight decay regularization", 2019).
    kAdamW,
    // m = momentum m + g, w -= learning_rate m, with g += weight_decay w before it (torch.optim.SGD without dampening).
    kSgd,
  };
  Kind kind = Kind::kAdam;
  double beta1 = 0.9, beta2 = 0.999;  // of kAdam and kAdamW, in [0, 1)
  double eps = 1e-8;                  // of kAdam and kAdamW
  double momentum = 0;                // of kSgd, in [0, 1); no state where it is 0
  double weight_decay = 0;
};

// The optimizer of one flat tensor of parameters, on any device.
//
// Not thread-safe. Throws as LibTorch does.
class DenseOptimizer {
 public:
  // `weights`: (n), float, contiguous; shared, and changed by Step without autograd's knowledge.
  DenseOptimizer(const DenseRule& rule, const at::Tensor& weights);

  // One step. `gradient`: (n), float, not changed.
  void Step(const at::Tensor& gradient, double learning_rate, double scale = 1);

  // As TableOptimizer::state: kAdam and kAdamW: "m" and "v", kSgd with momentum: "m"; (n).
  std::map<std::string, at::Tensor> state() const;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  void StepAdam(const at::Tensor& gradient, double learning_rate);

  const DenseRule rule_;
  const at::Tensor weights_;
  at::Tensor m_, v_;  // undefined where the rule has none
  at::Tensor scratch_;
  int64_t steps_ = 0;
};

// The square of the Euclidean norm of a tensor; summed in double.
double SquaredNorm(const at::Tensor& tensor);

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_DENSE_OPTIMIZER_H_
