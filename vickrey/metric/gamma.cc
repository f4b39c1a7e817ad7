#include "vickrey/metric/gamma.h"

#include <cmath>
#include <limits>

namespace vickrey::metric {

double GammaProbability(double a, double x) {
  constexpr double kSmall = 1e-15;
  constexpr int kSteps = 100'000;  // about the root of a of them are needed
  if (x <= 0) return 0;
  const double factor = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (int k = 1; k < kSteps && term > sum * kSmall; ++k) {
      term *= x / (a + k);
      sum += term;
    }
    return sum * factor;
  }
  constexpr double kTiny = std::numeric_limits<double>::min() / kSmall;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int k = 1; k < kSteps; ++k) {
    const double numerator = -k * (k - a);
    b += 2;
    d = numerator * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + numerator / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    h *= d * c;
    if (std::abs(d * c - 1) < kSmall) break;
  }
  return 1 - factor * h;
}

double GammaQuantile(double a, double p) {
  double low = 0, high = a + 1;
  while (GammaProbability(a, high) < p) high *= 2;
  for (int step = 0; step < 200 && high - low > 1e-12 * high; ++step) {
    const double middle = (low + high) / 2;
    (GammaProbability(a, middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace vickrey::metric
