// regression: the price as one number, mean + deviation x output (of the training prices), so that at the start every
// head says the mean. Trained with, in units of that deviation,
//
//   mse   mean (forecast - price)^2: the best forecast is the mean of the price
//   mae   mean |forecast - price|: its median
//
// The raw price and not its logarithm: what a bidder pays is the price itself, and a mean of logarithms is not the
// logarithm of what it pays.
//
// decision: R = value - price, to buy where its forecast is above a threshold. The value is known when that is decided,
// so what is unknown of R is the price, and the forecast is (value - price forecast) / scale, scale = mean |R| of the
// training rows; R is divided by the same. Trained with
//
//   mse, mae  of R: then it is, up to a constant factor, the regression above
//   gmadl     mean -(sigmoid(a R forecast) - 1/2) |R|^b (trainer/loss/directional.h): the price forecast is then made
//             where it decides, around the value, and by how much money is at stake
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>

#include <cmath>

#include "trainer/loss/pointwise.h"
#include "trainer/price/head.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceHeadConfig;

// One number, a price.
class NumberHead : public PriceHead {
 public:
  NumberHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales, PriceParameters* parameters)
      : config_(config), scales_(scales), parameters_(*parameters) {
    weight_ = parameters->Add({width, 1}, .1 / std::sqrt(static_cast<double>(width)));
    bias_ = parameters->Add({1}, 0);
  }

  at::Tensor Forecast(const at::Tensor& hidden) const override {
    const at::Tensor output = at::addmm(parameters_[bias_], hidden, parameters_[weight_]).squeeze(1).to(at::kDouble);
    return scales_.price_mean + scales_.price_deviation * output;
  }

  const price::Coding* coding() const override { return nullptr; }

 protected:
  at::Tensor ErrorOf(const at::Tensor& error) const {
    return config_.loss() == "mse" ? (error * error).mean() : error.abs().mean();
  }

  const PriceHeadConfig config_;
  const PriceScales scales_;

 private:
  const PriceParameters& parameters_;
  int weight_ = 0, bias_ = 0;
};

class RegressionHead final : public NumberHead {
 public:
  using NumberHead::NumberHead;
  at::Tensor Loss(const at::Tensor& hidden, const PriceBatch& batch) const override {
    return ErrorOf((Forecast(hidden) - batch.prices) / scales_.price_deviation);
  }
};

class DecisionHead final : public NumberHead {
 public:
  using NumberHead::NumberHead;
  at::Tensor Loss(const at::Tensor& hidden, const PriceBatch& batch) const override {
    const at::Tensor forecast = (batch.values - Forecast(hidden)) / scales_.r_scale;
    const at::Tensor observed = (batch.values - batch.prices) / scales_.r_scale;
    if (config_.loss() == "gmadl") return GmadlOf(forecast, observed, config_.a(), config_.b());
    return ErrorOf(forecast - observed);
  }
};

}  // namespace

std::unique_ptr<PriceHead> MakeRegressionHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales,
                                              PriceParameters* parameters) {
  return std::make_unique<RegressionHead>(config, width, scales, parameters);
}
std::unique_ptr<PriceHead> MakeDecisionHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales,
                                            PriceParameters* parameters) {
  return std::make_unique<DecisionHead>(config, width, scales, parameters);
}

}  // namespace vickrey::trainer
