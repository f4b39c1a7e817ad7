// Vectors as tensors that own their values: autograd may still need them when the vector is gone.
#ifndef TRAINER_LOSS_TENSORS_H_
#define TRAINER_LOSS_TENSORS_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace vickrey::trainer {

inline constexpr double kSoftplusThreshold = 40;  // beyond it softplus(x) = x in double

// log(bid x sigmoid(logit)): the order of eCPM, without its underflow.
inline double LogScore(double bid, double logit) {
  return std::log(bid) + (std::min(logit, 0.0) - std::log1p(std::exp(-std::abs(logit))));
}

// (values), of type `type`.
inline at::Tensor CopyOf(const std::vector<double>& values, at::ScalarType type) {
  return at::from_blob(const_cast<double*>(values.data()), {static_cast<int64_t>(values.size())}, at::kDouble)
      .to(type, /*non_blocking=*/false, /*copy=*/true);
}

inline at::Tensor CopyOf(const std::vector<int64_t>& values) {
  return at::from_blob(const_cast<int64_t*>(values.data()), {static_cast<int64_t>(values.size())}, at::kLong).clone();
}

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_TENSORS_H_
