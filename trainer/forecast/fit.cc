#include "trainer/forecast/fit.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "trainer/forecast/config.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/permutation.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {

using vickrey::config::v1::ForecastConfig;
using vickrey::config::v1::ForecastOptimizerConfig;

namespace {

DenseRule RuleOf(const ForecastOptimizerConfig& config) {
  return {.kind = DenseRule::Kind::kAdam,
          .beta1 = config.beta1(),
          .beta2 = config.beta2(),
          .weight_decay = config.weight_decay()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ForecastFit>> ForecastFit::Create(const ForecastConfig& config, const at::Tensor& inputs,
                                                                 const at::Tensor& targets) {
  ASSIGN_OR_RETURN(const ForecastLoss loss, FindForecastLoss(config.loss().loss()));
  ASSIGN_OR_RETURN(auto forecaster, torch::Forecaster::Create(SpecOf(config), config.seed()));
  return torch::CatchTorch([&] {
    return std::unique_ptr<ForecastFit>(new ForecastFit(config, loss, std::move(forecaster), inputs, targets));
  });
}

ForecastFit::ForecastFit(const ForecastConfig& config, ForecastLoss loss, std::unique_ptr<torch::Forecaster> forecaster,
                         const at::Tensor& inputs, const at::Tensor& targets)
    : config_(config),
      loss_(loss),
      forecaster_(std::move(forecaster)),
      inputs_(inputs),
      targets_(targets),
      optimizer_(RuleOf(config.optimizer()), forecaster_->parameters()) {}

double ForecastFit::Step(const at::Tensor& inputs, const at::Tensor& targets) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const ForecastOptimizerConfig& options = config_.optimizer();
  if (options.dropout() > 0) {
    base::RandomStream random(config_.seed(), base::StreamId("forecast.dropout"), static_cast<uint64_t>(steps_));
    at::manual_seed(random.Bits());
  }
  const at::Tensor& gradient = forecaster_->gradient();
  gradient.zero_();
  const at::Tensor objective = loss_(forecaster_->Train(inputs), targets, config_.loss().a(), config_.loss().b());
  objective.backward();
  const double value = objective.item<double>();
  const double norm = std::sqrt(SquaredNorm(gradient));
  if (!std::isfinite(value) || !std::isfinite(norm)) return kNone;
  const bool cut = options.has_clip_norm() && norm > options.clip_norm();
  optimizer_.Step(gradient, options.learning_rate(), cut ? options.clip_norm() / norm : 1);
  ++steps_;
  return value;
}

absl::StatusOr<bool> ForecastFit::Epoch() {
  const int64_t periods = targets_.size(0), batch = config_.optimizer().batch();
  const base::Permutation order(periods, config_.seed(), base::StreamId("forecast.batches"),
                                static_cast<uint64_t>(epochs_));
  at::Tensor inputs, targets;
  RETURN_IF_ERROR(torch::CatchTorch([&] {
    const at::Tensor rows = at::empty({periods}, at::kLong);
    for (int64_t i = 0; i < periods; ++i) rows.data_ptr<int64_t>()[i] = order(i);
    inputs = at::index_select(inputs_, 0, rows);
    targets = at::index_select(targets_, 0, rows);
  }));
  double sum = 0;
  for (int64_t first = 0; first < periods; first += batch) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    const int64_t size = std::min(batch, periods - first);
    ASSIGN_OR_RETURN(const double value, torch::CatchTorch([&] {
                       return Step(inputs.narrow(0, first, size), targets.narrow(0, first, size));
                     }));
    if (std::isnan(value)) return false;
    sum += value * static_cast<double>(size);
  }
  objective_ = sum / static_cast<double>(periods);
  ++epochs_;
  return true;
}

}  // namespace vickrey::trainer
