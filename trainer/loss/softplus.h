#ifndef TRAINER_LOSS_SOFTPLUS_H_
#define TRAINER_LOSS_SOFTPLUS_H_

#include <ATen/ops/softplus.h>

namespace vickrey::trainer {

// log(1 + exp(x)) of each, to the last digit of double: LibTorch's default is x itself from 20 on.
inline at::Tensor Softplus(const at::Tensor& x) { return at::softplus(x, 1, 40); }

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_SOFTPLUS_H_
