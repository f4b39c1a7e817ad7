#include "vickrey/auction/settlement.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "vickrey/base/micros.h"

namespace vickrey::auction {

double OracleWelfare(std::span<const double> position_multipliers, std::span<const double> worths,
                     std::vector<double>* scratch) {
  if (position_multipliers.size() == 1) return worths.empty() ? 0 : *std::max_element(worths.begin(), worths.end());
  scratch->assign(worths.begin(), worths.end());
  const size_t slots = std::min(position_multipliers.size(), worths.size());
  std::partial_sort(scratch->begin(), scratch->begin() + static_cast<std::ptrdiff_t>(slots), scratch->end(),
                    std::greater<>());
  double sum = 0;
  for (size_t k = 0; k < slots; ++k) sum += position_multipliers[k] * (*scratch)[k];
  return sum;
}

Settlement Settle(const Outcome& outcome, std::span<const double> position_multipliers,
                  std::span<const int64_t> values_micros, std::span<const double> probabilities) {
  std::vector<double> worths(values_micros.size()), scratch;
  for (size_t i = 0; i < worths.size(); ++i) worths[i] = Score(values_micros[i], probabilities[i]) / base::kMicro;
  Settlement s;
  for (const Placement& placement : outcome.placements) {
    const double revenue = Score(placement.price_micros, probabilities[placement.index]) / base::kMicro;
    s.welfare += placement.examination * worths[placement.index];
    s.revenue += placement.examination * revenue;
  }
  s.surplus = s.welfare - s.revenue;
  s.oracle_welfare = OracleWelfare(position_multipliers, worths, &scratch);
  s.regret = s.oracle_welfare - s.welfare;
  return s;
}

}  // namespace vickrey::auction
