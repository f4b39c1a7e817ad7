#include "vickrey/auction/settlement.h"

#include <algorithm>

namespace vickrey::auction {
namespace {

constexpr double kMicro =
    1e6;  // micros in a unit of the currency; dividing by it is exact where multiplying by 1e-6 is not

}  // namespace

Settlement Settle(const Outcome& outcome, std::span<const int64_t> values_micros,
                  std::span<const double> probabilities) {
  Settlement s;
  for (const Placement& placement : outcome.placements) {
    const double p = probabilities[placement.index];
    s.welfare += Score(values_micros[placement.index], p) / kMicro;
    s.revenue += Score(placement.price_micros, p) / kMicro;
  }
  s.surplus = s.welfare - s.revenue;
  for (size_t i = 0; i < values_micros.size(); ++i) {
    s.oracle_welfare = std::max(s.oracle_welfare, Score(values_micros[i], probabilities[i]) / kMicro);
  }
  s.regret = s.oracle_welfare - s.welfare;
  return s;
}

}  // namespace vickrey::auction
