#include "vickrey/auction/settlement.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace vickrey::auction {
namespace {

constexpr double kMicro =
    1e6;  // micros in a unit of the currency; dividing by it is exact where multiplying by 1e-6 is not

}  // namespace

double OracleWelfare(std::span<const double> position_multipliers, std::span<const int64_t> values_micros,
                     std::span<const double> probabilities) {
  if (position_multipliers.size() == 1) {
    double best = 0;
    for (size_t i = 0; i < values_micros.size(); ++i) {
      best = std::max(best, Score(values_micros[i], probabilities[i]));
    }
    return best / kMicro;
  }
  std::vector<double> worth(values_micros.size());
  for (size_t i = 0; i < worth.size(); ++i) worth[i] = Score(values_micros[i], probabilities[i]) / kMicro;
  const size_t slots = std::min(position_multipliers.size(), worth.size());
  std::partial_sort(worth.begin(), worth.begin() + static_cast<std::ptrdiff_t>(slots), worth.end(), std::greater<>());
  double sum = 0;
  for (size_t k = 0; k < slots; ++k) sum += position_multipliers[k] * worth[k];
  return sum;
}

Settlement Settle(const Outcome& outcome, std::span<const double> position_multipliers,
                  std::span<const int64_t> values_micros, std::span<const double> probabilities) {
  Settlement s;
  for (const Placement& placement : outcome.placements) {
    const double p = probabilities[placement.index];
    s.welfare += placement.examination * (Score(values_micros[placement.index], p) / kMicro);
    s.revenue += placement.examination * (Score(placement.price_micros, p) / kMicro);
  }
  s.surplus = s.welfare - s.revenue;
  s.oracle_welfare = OracleWelfare(position_multipliers, values_micros, probabilities);
  s.regret = s.oracle_welfare - s.welfare;
  return s;
}

}  // namespace vickrey::auction
