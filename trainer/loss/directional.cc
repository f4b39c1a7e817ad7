#include "trainer/loss/directional.h"

#include <cmath>

namespace vickrey::trainer {

PointLoss Madl(double observed, double forecast) {
  const double sign = forecast > 0 ? 1 : forecast < 0 ? -1 : 0;
  return {.value = 0 - sign * observed, .slope = 0};
}

PointLoss Gmadl(double observed, double forecast, double a, double b) {
  const double amount = std::pow(std::abs(observed), b);
  const double tanh = std::tanh(a / 2 * observed * forecast);
  const double g =
      1 / (1 + std::exp(std::abs(a * observed * forecast)));  // sigmoid or 1 - sigmoid, without cancellation
  return {.value = 0 - tanh / 2 * amount, .slope = 0 - a * observed * g * (1 - g) * amount};
}

}  // namespace vickrey::trainer
