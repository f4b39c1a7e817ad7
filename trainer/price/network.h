#ifndef TRAINER_PRICE_NETWORK_H_
#define TRAINER_PRICE_NETWORK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "trainer/price/head.h"
#include "trainer/price/parameters.h"
#include "vickrey/config/v1/price.pb.h"

namespace vickrey::trainer {

// A head on a trunk, layers of relu(x W + b). The trunk is the same for all heads, and starts the same.
//
// Evaluation is thread-safe as long as nobody changes the parameters. Throws as LibTorch does.
class PriceNetwork {
 public:
  PriceNetwork(const vickrey::config::v1::PriceHeadConfig& head, const std::vector<int64_t>& hidden, int64_t features,
               const PriceScales& scales, uint64_t seed);
  PriceNetwork(const PriceNetwork&) = delete;
  PriceNetwork& operator=(const PriceNetwork&) = delete;

  // `features`: (rows, features), float. As PriceHead's.
  at::Tensor Loss(const at::Tensor& features, const PriceBatch& batch) const;
  at::Tensor Forecast(const at::Tensor& features) const;  // without a gradient

  const price::Coding* coding() const { return head_->coding(); }
  PriceParameters& parameters() { return parameters_; }

 private:
  at::Tensor Hidden(const at::Tensor& features) const;

  PriceParameters parameters_;
  std::vector<std::pair<int, int>> layers_;  // weight and bias
  std::unique_ptr<PriceHead> head_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_NETWORK_H_
