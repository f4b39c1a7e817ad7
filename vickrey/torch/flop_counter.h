#ifndef VICKREY_TORCH_FLOP_COUNTER_H_
#define VICKREY_TORCH_FLOP_COUNTER_H_

#include <ATen/record_function.h>

namespace vickrey::torch {

// Counts, while it lives, the FLOP of the matrix products that LibTorch makes on this thread: two for each
// multiplication of a product of matrices or vectors, and of attention those of its two products, fused or not. What is
// elementwise is not counted. Not to be nested.
class FlopCounter {
 public:
  FlopCounter();
  ~FlopCounter();
  FlopCounter(const FlopCounter&) = delete;
  FlopCounter& operator=(const FlopCounter&) = delete;

  double flops() const { return flops_; }

 private:
  // What has begun and not ended: a product that is made of others counts once.
  struct Inside;
  static std::unique_ptr<at::ObserverContext> Begin(const at::RecordFunction& function);

  static thread_local FlopCounter* current_;
  at::CallbackHandle handle_;
  double flops_ = 0;
  int inside_ = 0;
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_FLOP_COUNTER_H_
