#ifndef TRAINER_PRICE_PARAMETERS_H_
#define TRAINER_PRICE_PARAMETERS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace vickrey::trainer {

// The parameters of a small network: views of one flat tensor, and so are their gradients, so that an optimizer and a
// copy are one operation. Its life: Add each, Start, then read, evaluate and train.
//
// Not thread-safe.
class PriceParameters {
 public:
  // A parameter of this shape, which starts uniform in [-bound, bound]; its number.
  int Add(std::vector<int64_t> shape, double bound);
  // Makes them all. What parameter i starts with is a function of (seed, i).
  void Start(uint64_t seed);

  const at::Tensor& operator[](int number) const { return views_[static_cast<size_t>(number)]; }
  const at::Tensor& dense() const { return dense_; }        // (parameters), float
  const at::Tensor& gradient() const { return gradient_; }  // the same; backward passes add into it

 private:
  struct Plan {
    std::vector<int64_t> shape;
    double bound;
  };

  std::vector<Plan> plans_;
  std::vector<at::Tensor> views_;
  at::Tensor dense_, gradient_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_PARAMETERS_H_
