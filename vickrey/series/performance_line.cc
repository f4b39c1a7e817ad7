#include "vickrey/series/performance_line.h"

#include <string>

namespace vickrey::series {

using vickrey::v1::PerformanceLine;

PerformanceLine LineOf(const Performance& p, std::string_view strategy) {
  PerformanceLine line;
  line.set_strategy(std::string(strategy));
  if (p.arc.has_value()) line.set_arc(*p.arc);
  if (p.asd.has_value()) line.set_asd(*p.asd);
  if (p.ir.has_value()) line.set_ir(*p.ir);
  if (p.ir2.has_value()) line.set_ir2(*p.ir2);
  line.set_max_drawdown(p.max_drawdown);
  line.set_trades(p.trades);
  if (p.share_long.has_value()) line.set_share_long(*p.share_long);
  if (p.share_short.has_value()) line.set_share_short(*p.share_short);
  if (p.share_flat.has_value()) line.set_share_flat(*p.share_flat);
  line.set_periods(p.periods);
  line.set_final_equity(p.final_equity);
  line.set_cost(p.cost);
  return line;
}

PerformanceLine LineOf(const RandomBaseline& baseline) {
  PerformanceLine line = LineOf(baseline.mean, "random_trades");
  auto& random = *line.mutable_random();
  random.set_draws(baseline.draws);
  random.set_bankrupt(baseline.bankrupt);
  if (baseline.quantile_arc.has_value()) random.set_arc_quantile(*baseline.quantile_arc);
  if (baseline.quantile_ir.has_value()) random.set_ir_quantile(*baseline.quantile_ir);
  if (baseline.quantile_ir2.has_value()) random.set_ir2_quantile(*baseline.quantile_ir2);
  if (baseline.quantile_profit.has_value()) random.set_profit_quantile(*baseline.quantile_profit);
  return line;
}

}  // namespace vickrey::series
