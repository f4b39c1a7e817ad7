// `vickrey forecast`: forecasts of a price series, of one window of a walk-forward.
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/forecast/window.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/tool.h"
#include "vickrey/series/price_series.h"
#include "vickrey/series/time.h"
#include "vickrey/v1/forecast_lines.pb.h"

namespace vickrey::trainer {
namespace {

struct Flags {
  std::string config, series, price, date;
  std::vector<std::string> settings;
  std::vector<double> costs;
  std::optional<uint64_t> seed;
  std::optional<int> threads;
  int64_t window = -1;
  bool plan = false;
};

vickrey::v1::ForecastPart PartOf(const series::Returns& returns, const series::Range& range) {
  vickrey::v1::ForecastPart part;
  part.set_first(series::FormatTime(returns.times[range.begin]));
  part.set_last(series::FormatTime(returns.times[range.end - 1]));
  part.set_rows(range.size());
  return part;
}

template <typename T>
void SetParts(const series::Returns& returns, const series::Window& window, T* message) {
  message->set_window(window.number);
  *message->mutable_in_sample() = PartOf(returns, window.in_sample);
  *message->mutable_validation() = PartOf(returns, window.validation);
  *message->mutable_out_of_sample() = PartOf(returns, window.out_of_sample);
}

// The lines of a part: `forecasts` has one for each of its periods.
absl::Status WritePart(const ForecastJob& job, const series::Returns& returns, const series::Window& window,
                       const WindowResult& result, bool out_of_sample) {
  const series::Range& range = out_of_sample ? window.out_of_sample : window.validation;
  const std::vector<double>& forecasts = out_of_sample ? result.out_of_sample : result.validation;
  std::vector<std::vector<double>> positions;
  for (const series::ThresholdChoice& choice : result.strategies) {
    ASSIGN_OR_RETURN(auto of_cost,
                     series::PositionsOf(choice.thresholds, SearchOf(job.config.strategy(), 0).directions, forecasts));
    positions.push_back(std::move(of_cost));
  }
  for (int64_t i = 0; i < range.size(); ++i) {
    vickrey::v1::ForecastLine line;
    line.set_window(window.number);
    line.set_part(out_of_sample ? "out_of_sample" : "validation");
    line.set_time(series::FormatTime(returns.times[range.begin + i]));
    line.set_index(range.begin + i);
    line.set_return_(returns.values[range.begin + i]);
    line.set_forecast(forecasts[i]);
    for (const auto& of_cost : positions) line.add_positions(of_cost[i]);
    base::WriteLine(line);
  }
  return absl::OkStatus();
}

vickrey::v1::ForecastSummaryLine SummaryOf(const ForecastJob& job, const Flags& flags, const series::Returns& returns,
                                           const series::Window& window, const WindowResult& result) {
  vickrey::v1::ForecastSummaryLine line;
  auto& summary = *line.mutable_summary();
  SetParts(returns, window, &summary);
  summary.set_model(job.config.model().architecture());
  summary.set_loss(job.config.loss().loss());
  summary.set_seed(job.config.seed());
  summary.set_scale(result.scale);
  int64_t steps = 0;
  for (size_t i = 0; i < result.trials.size(); ++i) {
    const ForecastTrial& trial = result.trials[i];
    auto& added = *summary.add_candidates();
    added.mutable_settings()->insert(job.tries[i].settings.begin(), job.tries[i].settings.end());
    added.set_parameters(trial.parameters);
    added.set_epochs(trial.epochs);
    if (trial.epoch.has_value()) added.set_epoch(*trial.epoch);
    if (trial.value.has_value()) added.set_validation_metric(*trial.value);
    added.set_diverged(trial.diverged);
    steps += trial.steps;
  }
  summary.set_chosen(result.chosen);
  summary.set_steps(steps);
  summary.set_metric(job.config.strategy().metric());
  for (size_t k = 0; k < flags.costs.size(); ++k) {
    const series::ThresholdChoice& choice = result.strategies[k];
    summary.add_costs(flags.costs[k]);
    auto& thresholds = *summary.add_thresholds();
    if (std::isfinite(choice.thresholds.enter_long)) thresholds.set_enter_long(choice.thresholds.enter_long);
    thresholds.set_exit_long(choice.thresholds.exit_long);
    if (std::isfinite(choice.thresholds.enter_short)) thresholds.set_enter_short(choice.thresholds.enter_short);
    thresholds.set_exit_short(choice.thresholds.exit_short);
    auto& value = *summary.mutable_validation_metric()->add_values();
    if (choice.value.has_value()) {
      value.set_number_value(*choice.value);
    } else {
      value.set_null_value(google::protobuf::NULL_VALUE);
    }
  }
  return line;
}

absl::Status CheckCosts(const std::vector<double>& costs) {
  for (const double cost : costs) {
    if (cost >= 0 && cost <= 1) continue;
    return base::InvalidField(
        "--cost", absl::StrCat(base::ShortestDecimal(cost), " is out of range; it must be at least 0 and at most 1"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ForecastJob> LoadJob(const Flags& flags) {
  std::vector<std::string> settings = flags.settings;
  if (flags.seed.has_value()) settings.push_back(absl::StrCat("seed=", *flags.seed));
  if (flags.threads.has_value()) settings.push_back(absl::StrCat("threads=", *flags.threads));
  return LoadForecastJob(flags.config, settings);
}

absl::Status Forecast(Flags flags) {
  if (flags.costs.empty()) flags.costs = {0};
  RETURN_IF_ERROR(CheckCosts(flags.costs));
  ASSIGN_OR_RETURN(const ForecastJob job, LoadJob(flags));
  ASSIGN_OR_RETURN(const series::PriceSeries prices,
                   series::ReadPriceSeries(flags.series, {.price = flags.price, .date = flags.date}));
  const series::Returns returns = series::ReturnsOf(prices);
  const auto count = static_cast<int64_t>(returns.values.size());
  auto found = series::WindowsOf(PlanOf(job.config.walk_forward()), count);
  if (!found.ok()) return base::Annotate(found.status(), absl::StrCat(flags.config, ": walk_forward"));
  const std::vector<series::Window>& windows = *found;
  if (flags.plan) {
    for (const series::Window& window : windows) {
      vickrey::v1::ForecastPlanLine line;
      SetParts(returns, window, &line);
      base::WriteLine(line);
    }
    return absl::OkStatus();
  }
  if (flags.window < 0 || flags.window >= static_cast<int64_t>(windows.size())) {
    return base::InvalidField(
        "--window", absl::StrCat(flags.window, " is not one of the walk-forward's windows, 0 to ", windows.size() - 1));
  }
  base::WriteToStderr(absl::StrCat("{\"config\":", base::ToJson(job.config), "}\n"));
  at::set_num_threads(job.config.threads());
  const series::Window& window = windows[flags.window];
  int64_t epochs = 0;
  for (const ForecastTry& one : job.tries) epochs += one.config.optimizer().epochs();
  base::Progress progress(absl::StrCat("forecast window ", window.number), "epochs", epochs);
  const auto result = RunWindow(job, returns.values, window, flags.costs, [&](int64_t done) { progress.Update(done); });
  if (absl::IsCancelled(result.status())) {
    return absl::CancelledError(absl::StrCat("interrupted by a signal in window ", window.number,
                                             ", of which nothing was written; the same command begins it anew"));
  }
  RETURN_IF_ERROR(result);
  progress.Finish();
  RETURN_IF_ERROR(WritePart(job, returns, window, *result, /*out_of_sample=*/false));
  RETURN_IF_ERROR(WritePart(job, returns, window, *result, /*out_of_sample=*/true));
  base::WriteLine(SummaryOf(job, flags, returns, window, *result));
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  namespace trainer = vickrey::trainer;
  vickrey::base::Tool tool(
      "vickrey-forecast",
      "Trains forecasts of a price series on one window of a walk-forward, chooses candidate, epoch "
      "and thresholds on validation, and prints forecasts and positions of validation and out of "
      "sample");
  trainer::Flags flags;
  CLI::App& app = tool.SetAction(
      "awk 'BEGIN { p = 100; print \"Date,Close\"; for (i = 0; i < 1600; i++) { p *= 1 + (rand() - .49) / 50; "
      "printf \"%d-%02d-%02d,%.4f\\n\", 2000 + i / 336, i / 28 % 12 + 1, i % 28 + 1, p } }' >/tmp/prices.csv\n"
      "  printf 'model: {architecture: lstm}\\nloss: {loss: gmadl}\\n' >/tmp/forecast.yaml\n"
      "  vickrey forecast --config /tmp/forecast.yaml --series /tmp/prices.csv --price Close --window 0 --cost 0.001",
      [&flags] { return trainer::Forecast(flags); });
  app.add_option("--config", flags.config, "A YAML or JSON file of ForecastConfig")->required();
  app.add_option("--series", flags.series, "A CSV file with a header row, in rising time; may be compressed")
      ->required();
  app.add_option("--price", flags.price, "The column of prices")->required();
  app.add_option("--date", flags.date, "The column of times; default: the first");
  auto* window = app.add_option("--window", flags.window, "Which window of the walk-forward, from 0");
  auto* plan = app.add_flag("--plan", flags.plan, "Print the windows, and train nothing");
  window->excludes(plan);
  app.add_option("--seed", flags.seed, "Over the file's seed");
  app.add_option("--threads", flags.threads, "Over the file's threads");
  app.add_option("--cost", flags.costs,
                 "Of each unit that a position changes by, as a share of the equity; may be repeated: thresholds are "
                 "chosen for each, epoch and candidate at the first. Default: 0")
      ->allow_extra_args(false);
  app.add_option("--set", flags.settings, "KEY=VALUE over the file, such as optimizer.epochs=5; may be repeated")
      ->allow_extra_args(false);
  return tool.Run(argc, argv);
}
