// What a forecaster is trained to minimise.
//
// madl has the gradient 0 wherever it has one (trainer/loss/directional.h), so that no network learns by it: an
// optimizer with MADL itself leaves a network where it started, and what it then is good for is to choose among
// networks. It is of Michankow, Sakowski, Slepaczuk, "Mean absolute directional loss as a new loss function for machine
// learning problems in algorithmic investment strategies", 2023; its successor (the same, "Generalized mean absolute
// directional loss as a solution to overfitting and high transaction costs in machine learning models used in
// high-frequency algorithmic investment strategies", 2024) has a sigmoid in place of the sign, and so a gradient. What
// either gains is for a study of one's own data to say. So `madl` here is trained by what has it as its limit: twice
// the gmadl with b = 1 and a steep `a`, -|R| tanh(a R F / 2).
#ifndef TRAINER_FORECAST_LOSS_H_
#define TRAINER_FORECAST_LOSS_H_

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/forecast.pb.h"

namespace vickrey::trainer {

// The mean over a batch, a scalar that is differentiable by the forecast. `forecast`, `observed`: (periods), in units
// of the training scale.
using ForecastLoss = at::Tensor (*)(const at::Tensor& forecast, const at::Tensor& observed, double a, double b);

// By the name of ForecastLossConfig; INVALID_ARGUMENT listing them for another.
absl::StatusOr<ForecastLoss> FindForecastLoss(const std::string& name);

}  // namespace vickrey::trainer

#endif  // TRAINER_FORECAST_LOSS_H_
