#ifndef TRAINER_PRICE_HEAD_H_
#define TRAINER_PRICE_HEAD_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "trainer/price/parameters.h"
#include "vickrey/config/v1/price.pb.h"
#include "vickrey/price/tokens.h"

namespace vickrey::trainer {

// What is known of the training rows: units that make losses free of the currency, and tokens.
struct PriceScales {
  double price_mean = 0, price_deviation = 1;
  double r_scale = 1;  // mean |value - price|
  std::shared_ptr<const price::Bins> bins;
  std::shared_ptr<const price::Digits> digits;
};

// Rows that a loss is computed of.
struct PriceBatch {
  at::Tensor prices;   // (rows), double
  at::Tensor values;   // (rows), double: what each impression is worth
  at::Tensor targets;  // (rows), int64: Coding::TargetOf of each price; undefined for heads without a coding
};

// The part of a network that turns what the trunk made of an impression into a forecast of its price. Its life:
//   1. MakeHead adds its parameters to those of the trunk;
//   2. Loss of batches, in training;
//   3. Forecast.
// Thread-safe but for the parameters, which must outlive it.
class PriceHead {
 public:
  virtual ~PriceHead() = default;

  // The mean loss of a batch, a scalar. `hidden`: (rows, width).
  virtual at::Tensor Loss(const at::Tensor& hidden, const PriceBatch& batch) const = 0;
  // Without a coding: (rows) prices. With one: (rows, support) probabilities. Double.
  virtual at::Tensor Forecast(const at::Tensor& hidden) const = 0;

  // How it says a price; null for a forecast that is a number.
  virtual const price::Coding* coding() const = 0;
};

// `config`: finished and checked (CheckHead). `width`: of what the trunk makes.
std::unique_ptr<PriceHead> MakeHead(const vickrey::config::v1::PriceHeadConfig& config, int64_t width,
                                    const PriceScales& scales, PriceParameters* parameters);

// One line each of the table that MakeHead looks into.
std::unique_ptr<PriceHead> MakeRegressionHead(const vickrey::config::v1::PriceHeadConfig& config, int64_t width,
                                              const PriceScales& scales, PriceParameters* parameters);
std::unique_ptr<PriceHead> MakeBinsHead(const vickrey::config::v1::PriceHeadConfig& config, int64_t width,
                                        const PriceScales& scales, PriceParameters* parameters);
std::unique_ptr<PriceHead> MakeDigitsHead(const vickrey::config::v1::PriceHeadConfig& config, int64_t width,
                                          const PriceScales& scales, PriceParameters* parameters);
std::unique_ptr<PriceHead> MakeDecisionHead(const vickrey::config::v1::PriceHeadConfig& config, int64_t width,
                                            const PriceScales& scales, PriceParameters* parameters);

// As configured, before defaults are filled in: a loss that the kind has, no field that the loss does not read.
absl::Status CheckHead(const vickrey::config::v1::PriceHeadConfig& config);

// (rows, n) with a 1 at each row's token, double.
at::Tensor OneHot(const at::Tensor& tokens, int64_t n);

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_HEAD_H_
