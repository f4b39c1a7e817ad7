#include "trainer/loss/number_token.h"

#include <cmath>
#include <vector>

#include "trainer/loss/elementwise.h"

namespace vickrey::trainer {

NumberTokenLoss NumberTokens(NumberDistance distance, double lambda, int64_t n, const double* values,
                             const double* target, const double* logits, double* gradient) {
  std::vector<double> p(static_cast<size_t>(n)), slopes(static_cast<size_t>(n), 0);  // the latter by P_k
  const double log_sum = Softmax(n, logits, 1, p.data());
  NumberTokenLoss loss;
  for (int64_t k = 0; k < n; ++k) loss.cross_entropy += target[k] * (log_sum - logits[k]);
  if (distance == NumberDistance::kMse) {
    double error = 0;  // of the mean
    for (int64_t k = 0; k < n; ++k) error += (p[k] - target[k]) * values[k];
    loss.distance = error * error;
    for (int64_t k = 0; k < n; ++k) slopes[k] = 2 * error * values[k];
  } else {
    double ahead = 0;  // CDF_P - CDF_Q
    for (int64_t k = 0; k + 1 < n; ++k) {
      ahead += p[k] - target[k];
      const double gap = values[k + 1] - values[k];
      loss.distance += std::abs(ahead) * gap;
      slopes[k] = ahead > 0 ? gap : ahead < 0 ? -gap : 0;
    }
    for (int64_t k = n - 2; k >= 0; --k) slopes[k] += slopes[k + 1];
  }
  double mean = 0;
  for (int64_t k = 0; k < n; ++k) mean += p[k] * slopes[k];
  for (int64_t k = 0; k < n; ++k) gradient[k] = (p[k] - target[k]) + lambda * p[k] * (slopes[k] - mean);
  loss.value = loss.cross_entropy + lambda * loss.distance;
  return loss;
}

}  // namespace vickrey::trainer
