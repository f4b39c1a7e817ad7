// Training of one forecaster.
#ifndef TRAINER_FORECAST_FIT_H_
#define TRAINER_FORECAST_FIT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "trainer/forecast/loss.h"
#include "trainer/optim/dense_optimizer.h"
#include "vickrey/config/v1/forecast.pb.h"
#include "vickrey/torch/forecaster.h"

namespace vickrey::trainer {

// Trains a forecaster, step by step. Batches are cut from a permutation of the periods that is a function of (seed,
// epoch), by Philox; so is what dropout leaves out, of (seed, step). The same configuration gives the same bits for a
// number of threads.
//
// Not thread-safe. Inputs and targets must not be changed meanwhile.
class ForecastFit {
 public:
  // `config` is complete. `inputs`: (periods, window, 1), `targets`: (periods), at least one.
  static absl::StatusOr<std::unique_ptr<ForecastFit>> Create(const vickrey::config::v1::ForecastConfig& config,
                                                             const at::Tensor& inputs, const at::Tensor& targets);

  // One pass over all periods; false, with the parameters as they are, if an objective or a gradient was not finite.
  // CANCELLED once a signal has come.
  absl::StatusOr<bool> Epoch();

  torch::Forecaster& forecaster() { return *forecaster_; }
  int64_t steps() const { return steps_; }
  // Mean of the objective over the last epoch's steps.
  double objective() const { return objective_; }

 private:
  ForecastFit(const vickrey::config::v1::ForecastConfig& config, ForecastLoss loss,
              std::unique_ptr<torch::Forecaster> forecaster, const at::Tensor& inputs, const at::Tensor& targets);
  // The objective of a batch, after its step; NaN where there was none.
  double Step(const at::Tensor& inputs, const at::Tensor& targets);

  const vickrey::config::v1::ForecastConfig config_;
  const ForecastLoss loss_;
  const std::unique_ptr<torch::Forecaster> forecaster_;
  const at::Tensor inputs_, targets_;
  DenseOptimizer optimizer_;
  int64_t epochs_ = 0, steps_ = 0;
  double objective_ = 0;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_FORECAST_FIT_H_
