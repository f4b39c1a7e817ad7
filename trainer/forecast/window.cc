#include "trainer/forecast/window.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer/forecast/fit.h"
#include "trainer/forecast/inputs.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::ForecastConfig;

// A candidate and what it forecasts at the epoch that was taken.
struct Tried {
  ForecastTrial trial;
  at::Tensor parameters;  // undefined where there is no epoch
  std::vector<double> validation;
};

// One that is not defined counts as 0, as where thresholds are chosen: not to trade is better than to lose.
bool Better(const std::optional<double>& a, const std::optional<double>& b) { return a.value_or(0) > b.value_or(0); }

class WindowRun {
 public:
  WindowRun(const ForecastJob& job, std::span<const double> returns, const series::Window& window,
            std::span<const double> costs, const std::function<void(int64_t)>& done)
      : job_(job), returns_(returns), window_(window), costs_(costs), done_(done) {}

  absl::StatusOr<WindowResult> Run() {
    result_.scale = ScaleOf(returns_, window_.in_sample);
    RETURN_IF_ERROR(CheckReturns());
    Tried best;
    for (size_t i = 0; i < job_.tries.size(); ++i) {
      ASSIGN_OR_RETURN(Tried tried, Try(job_.tries[i].config));
      result_.trials.push_back(tried.trial);
      if (!tried.parameters.defined()) continue;
      if (best.parameters.defined() && !Better(tried.trial.value, best.trial.value)) continue;
      best = std::move(tried);
      result_.chosen = static_cast<int64_t>(i);
    }
    if (!best.parameters.defined()) {
      return absl::InternalError(
          "every candidate's training diverged in its first epoch; a lower optimizer.learning_rate or "
          "optimizer.clip_norm may help");
    }
    for (const double cost : costs_) {
      ASSIGN_OR_RETURN(const series::ThresholdChoice choice, Choose(best.validation, cost));
      result_.strategies.push_back(choice);
    }
    // The out-of-sample part is looked at here for the first time.
    const ForecastConfig& config = job_.tries[result_.chosen].config;
    ASSIGN_OR_RETURN(const auto forecaster, torch::Forecaster::Create(SpecOf(config), config.seed()));
    RETURN_IF_ERROR(torch::CatchTorch([&] { forecaster->parameters().copy_(best.parameters); }));
    ASSIGN_OR_RETURN(result_.out_of_sample, Forecast(*forecaster, window_.out_of_sample));
    if (!AllFinite(result_.out_of_sample)) {
      return absl::InternalError("an out-of-sample forecast is beyond a float: the returns before it are too large");
    }
    result_.validation = std::move(best.validation);
    return std::move(result_);
  }

 private:
  // In units of the scale, inputs and their squares are to be floats. The last return of the window is no input.
  absl::Status CheckReturns() const {
    constexpr double kMost = 1e15;
    for (int64_t t = window_.in_sample.begin; t < window_.out_of_sample.end - 1; ++t) {
      if (std::abs(returns_[t] / result_.scale) <= kMost) continue;
      return absl::InvalidArgumentError(absl::StrCat("the return ", base::ShortestDecimal(returns_[t]), " of period ",
                                                     t, " is more than ", kMost, " times the in-sample deviation, ",
                                                     base::ShortestDecimal(result_.scale)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<double>> Forecast(const torch::Forecaster& forecaster, const series::Range& range) const {
    return torch::CatchTorch([&] {
      const at::Tensor forecasts =
          forecaster.Forecast(InputsOf(returns_, range, forecaster.spec().window, result_.scale));
      std::vector<double> values(forecasts.numel());
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = double{forecasts.data_ptr<float>()[i]} * result_.scale;
      }
      return values;
    });
  }

  absl::StatusOr<series::ThresholdChoice> Choose(std::span<const double> validation, double cost) const {
    return series::ChooseThresholds(validation, returns_.subspan(window_.validation.begin, window_.validation.size()),
                                    SearchOf(job_.config.strategy(), cost));
  }

  absl::StatusOr<Tried> Try(const ForecastConfig& config) {
    const int64_t before = config.model().window();
    const series::Range range = {window_.in_sample.begin + before, window_.in_sample.end};
    if (range.size() < 1) {
      return base::InvalidField("walk_forward.in_sample",
                                absl::StrCat(window_.in_sample.size(), " periods have none with ", before,
                                             " (model.window) others before it"));
    }
    ASSIGN_OR_RETURN(const auto fit, ForecastFit::Create(config, InputsOf(returns_, range, before, result_.scale),
                                                         TargetsOf(returns_, range, result_.scale)));
    Tried tried;
    tried.trial.parameters = fit->forecaster().parameters().numel();
    int without_gain = 0;
    const bool last_only = config.selection().epoch() == "last";
    for (int epoch = 1; epoch <= config.optimizer().epochs(); ++epoch) {
      ASSIGN_OR_RETURN(const bool good, fit->Epoch());
      done_(++epochs_);
      std::optional<double> value;
      std::vector<double> validation;
      if (good) {
        ASSIGN_OR_RETURN(validation, Forecast(fit->forecaster(), window_.validation));
      }
      tried.trial.diverged = !good || !AllFinite(validation);
      if (tried.trial.diverged) break;
      tried.trial.epochs = epoch;
      const bool judged = !last_only || epoch == config.optimizer().epochs();
      if (judged) {
        ASSIGN_OR_RETURN(const series::ThresholdChoice choice, Choose(validation, costs_[0]));
        value = choice.value;
      }
      if (!last_only && tried.parameters.defined() && !Better(value, tried.trial.value)) {
        if (++without_gain == config.selection().patience()) break;
        continue;
      }
      without_gain = 0;
      tried.trial.epoch = epoch;
      tried.trial.value = value;
      tried.validation = std::move(validation);
      RETURN_IF_ERROR(torch::CatchTorch([&] { tried.parameters = fit->forecaster().parameters().clone(); }));
    }
    // A training that diverged has no last epoch.
    if (last_only && tried.trial.diverged) {
      tried = {.trial = {.parameters = tried.trial.parameters, .epochs = tried.trial.epochs, .diverged = true}};
    }
    tried.trial.steps = fit->steps();
    return tried;
  }

  static bool AllFinite(const std::vector<double>& values) {
    for (const double x : values) {
      if (!std::isfinite(x)) return false;
    }
    return true;
  }

  const ForecastJob& job_;
  const std::span<const double> returns_;
  const series::Window& window_;
  const std::span<const double> costs_;
  const std::function<void(int64_t)>& done_;
  int64_t epochs_ = 0;
  WindowResult result_;
};

}  // namespace

absl::StatusOr<WindowResult> RunWindow(const ForecastJob& job, std::span<const double> returns,
                                       const series::Window& window, std::span<const double> costs,
                                       const std::function<void(int64_t)>& done) {
  return WindowRun(job, returns, window, costs, done).Run();
}

}  // namespace vickrey::trainer
