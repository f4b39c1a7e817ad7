#ifndef VICKREY_TORCH_AUTOCAST_H_
#define VICKREY_TORCH_AUTOCAST_H_

namespace vickrey::torch {

// While it lives, matrix products on CUDA in this thread are of bfloat16, in LibTorch's "automatic mixed precision":
// parameters stay float32. Does nothing where `on` is false. Not thread-safe; destroyed by the thread that made it.
class Autocast {
 public:
  explicit Autocast(bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  const bool on_;
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_AUTOCAST_H_
