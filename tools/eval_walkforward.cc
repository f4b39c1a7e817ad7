#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/eval.h"
#include "vickrey/series/baselines.h"
#include "vickrey/series/performance.h"
#include "vickrey/series/performance_line.h"
#include "vickrey/series/time.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::PerformanceLine;
using vickrey::v1::WalkForwardCurveLine;
using vickrey::v1::WalkForwardInputLine;

struct WalkforwardFlags {
  series::PerformanceOptions performance;
  bool curve = false;
  bool baselines = false;
  int64_t draws = 1000;
  uint64_t seed = 1;
  bool json = false;
};

// The periods of stdin, in rising time. What baselines need of them is kept where they are asked for; memory does not
// grow otherwise.
class Periods {
 public:
  Periods(const WalkforwardFlags& flags, const series::PerformanceAccumulator& nothing)
      : flags_(flags), strategy_(nothing) {}

  absl::Status Add(const WalkForwardInputLine& line) {
    if (line.time().empty()) return base::InvalidField("time", "is required");
    if (!line.has_return_()) return base::InvalidField("return", "is required");
    if (!line.has_position()) return base::InvalidField("position", "is required");
    const auto time = series::ParseTime(line.time());
    if (!time.ok()) return base::AboutField(time.status(), "time");
    if (last_.has_value() && *time <= *last_) {
      return base::InvalidField("time", absl::StrCat("'", line.time(), "' is not later than that of the line before, ",
                                                     series::FormatTime(*last_)));
    }
    const bool before = strategy_.bankrupt();
    RETURN_IF_ERROR(strategy_.Add(line.return_(), line.position()));
    last_ = *time;
    if (!before && strategy_.bankrupt()) bankrupt_ = line.time();
    if (flags_.baselines) {
      times_.push_back(line.time());
      returns_.push_back(line.return_());
      positions_.push_back(line.position());
    }
    if (!flags_.curve) return absl::OkStatus();
    WalkForwardCurveLine point;
    point.set_time(line.time());
    point.set_equity(strategy_.equity());
    point.set_drawdown(strategy_.drawdown());
    base::WriteLine(point);
    return absl::OkStatus();
  }

  absl::Status WriteSummaries() const {
    PerformanceLine given = series::LineOf(strategy_.Finalize(), "given");
    if (bankrupt_.has_value()) given.set_bankrupt(*bankrupt_);
    base::WriteSummary(given, flags_.json);
    if (!flags_.baselines) return absl::OkStatus();
    ASSIGN_OR_RETURN(const series::Performance hold, series::BuyAndHold(returns_, flags_.performance));
    PerformanceLine line = series::LineOf(hold, "buy_and_hold");
    if (hold.bankrupt.has_value()) line.set_bankrupt(times_[static_cast<size_t>(*hold.bankrupt)]);
    base::WriteSummary(line, flags_.json);
    ASSIGN_OR_RETURN(
        const series::RandomBaseline random,
        series::CompareWithRandomTrades(returns_, positions_, flags_.performance, flags_.draws, flags_.seed));
    base::WriteSummary(series::LineOf(random), flags_.json);
    return absl::OkStatus();
  }

 private:
  const WalkforwardFlags& flags_;
  series::PerformanceAccumulator strategy_;
  std::optional<int64_t> last_;          // time
  std::optional<std::string> bankrupt_;  // when
  std::vector<std::string> times_;
  std::vector<double> returns_, positions_;
};

absl::Status RunWalkforward(const WalkforwardFlags& flags) {
  ASSIGN_OR_RETURN(const auto nothing, series::PerformanceAccumulator::Create(flags.performance));
  Periods periods(flags, nothing);
  RETURN_IF_ERROR(
      base::ForEachLine<WalkForwardInputLine>([&](const WalkForwardInputLine& line) { return periods.Add(line); }));
  return periods.WriteSummaries();
}

}  // namespace

void AddEvalWalkForward(base::Tool& tool) {
  const auto flags = std::make_shared<WalkforwardFlags>();
  CLI::App& app = tool.AddVerb(
      "walkforward", "Compute what positions in a price came to: annualised return, risk, drawdown, trades",
      R"(printf '{"time":"2001-05-%s","return":%s,"position":%s}\n' 03 0.02 1 04 -0.01 1 07 0.01 0 | )"
      "vickrey eval walkforward --cost 0.001 --baselines",
      [flags] { return RunWalkforward(*flags); });
  app.add_option("--cost", flags->performance.cost,
                 "Of each unit that the position changes by, as a share of the equity")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--periods-per-year", flags->performance.periods_per_year, "Of the series: 252 trading days")
      ->check(CLI::Range(1e-9, 1e9));
  app.add_flag("--curve", flags->curve, "Also a line for each period: equity and drawdown");
  app.add_flag("--baselines", flags->baselines,
               "Also buy and hold, and positions at random that trade as often and hold each position as long");
  app.add_option("--draws", flags->draws, "With --baselines: how many of those at random")
      ->check(CLI::Range(int64_t{1}, series::kMaxDraws));
  app.add_option("--seed", flags->seed, "Of what is random");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
