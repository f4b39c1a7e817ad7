#include "vickrey/metric/comparison_line.h"

#include <optional>

namespace vickrey::metric {
namespace {

void SetInterval(const Interval& interval, google::protobuf::ListValue* list) {
  list->add_values()->set_number_value(interval.lo);
  list->add_values()->set_number_value(interval.hi);
}

}  // namespace

vickrey::v1::ComparisonLine LineOf(const Comparison& c, const std::string& metric, double margin) {
  vickrey::v1::ComparisonLine line;
  line.set_metric(metric);
  line.set_auctions(c.auctions);
  line.set_clusters(c.clusters);
  if (c.a.has_value()) line.set_a(*c.a);
  if (c.b.has_value()) line.set_b(*c.b);
  if (c.difference.has_value()) line.set_difference(*c.difference);
  if (c.difference_ci95.has_value()) SetInterval(*c.difference_ci95, line.mutable_ci95());
  if (c.relative.has_value()) line.set_relative(*c.relative);
  if (c.relative_ci95.has_value()) SetInterval(*c.relative_ci95, line.mutable_relative_ci95());
  if (metric == "regret" && c.RegretRemoved().has_value()) line.set_regret_removed(*c.RegretRemoved());
  if (metric == "regret" && c.RegretRemovedCi95().has_value()) {
    SetInterval(*c.RegretRemovedCi95(), line.mutable_regret_removed_ci95());
  }
  line.set_method(std::string(c.method));
  line.set_pass(c.Passes(margin));
  return line;
}

}  // namespace vickrey::metric
