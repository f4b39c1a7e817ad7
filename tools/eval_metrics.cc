#include <memory>

#include "tools/eval.h"
#include "tools/rule_flags.h"
#include "vickrey/metric/line_metrics.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;

struct MetricsFlags {
  RuleFlags rules;
  int ece_bins = 10;
  int bid_buckets = 0;
  bool json = false;
};

absl::Status RunMetrics(const MetricsFlags& flags) {
  ASSIGN_OR_RETURN(const auction::Rules rules, flags.rules.Rules());
  ASSIGN_OR_RETURN(const auto metrics,
                   metric::LineMetrics::Create(rules, {.ece_bins = flags.ece_bins, .bid_buckets = flags.bid_buckets}));
  RETURN_IF_ERROR(base::ForEachLine<AuctionLine>([&](const AuctionLine& line) { return metrics->Add(line); }));
  base::WriteSummary(metrics->Finalize(), flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddEvalMetrics(base::Tool& tool) {
  const auto flags = std::make_shared<MetricsFlags>();
  CLI::App& app =
      tool.AddVerb("metrics", "Judge predictions and what auctions made of them, over all auctions",
                   "vickrey market generate --scenario linear --auctions 1000 --seed 1 | vickrey eval metrics",
                   [flags] { return RunMetrics(*flags); });
  flags->rules.Declare(app);
  app.add_option("--ece-bins", flags->ece_bins, "Bins of equal width for the calibration error")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--bid-buckets", flags->bid_buckets, "Also by so many buckets of rising bid")
      ->check(CLI::Range(1, 100'000))
      ->default_str("none");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
