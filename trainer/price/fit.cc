#include "trainer/price/fit.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/optim/dense_optimizer.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/permutation.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceConfig;
using vickrey::config::v1::PriceHeadConfig;

constexpr int64_t kPiece = 1024;  // rows that are forecast at a time

// Rows of the data as tensors, by number.
class Batches {
 public:
  Batches(const PriceData& data, const price::Coding* coding) : data_(data) {
    const int64_t rows = data.test;
    prices_ = at::empty({rows}, at::kDouble);
    values_ = at::empty({rows}, at::kDouble);
    std::copy_n(data.log.prices.begin(), rows, prices_.data_ptr<double>());
    std::copy_n(data.values.begin(), rows, values_.data_ptr<double>());
    if (coding == nullptr) return;
    targets_ = at::empty({rows}, at::kLong);
    for (int64_t i = 0; i < rows; ++i) {
      targets_.data_ptr<int64_t>()[i] = coding->TargetOf(data.log.prices[static_cast<size_t>(i)]);
    }
  }

  // Rows [begin, end).
  at::Tensor LossOf(const PriceNetwork& network, int64_t begin, int64_t end) const {
    const int64_t n = end - begin;
    return network.Loss(data_.features.narrow(0, begin, n),
                        {.prices = prices_.narrow(0, begin, n),
                         .values = values_.narrow(0, begin, n),
                         .targets = targets_.defined() ? targets_.narrow(0, begin, n) : targets_});
  }
  at::Tensor LossOf(const PriceNetwork& network, const at::Tensor& rows) const {
    return network.Loss(data_.features.index_select(0, rows),
                        {.prices = prices_.index_select(0, rows),
                         .values = values_.index_select(0, rows),
                         .targets = targets_.defined() ? targets_.index_select(0, rows) : targets_});
  }

 private:
  const PriceData& data_;
  at::Tensor prices_, values_, targets_;
};

double ValidationLoss(const Batches& batches, const PriceNetwork& network, const PriceData& data) {
  const at::NoGradGuard without;
  double sum = 0;
  for (int64_t begin = data.train; begin < data.test; begin += kPiece) {
    const int64_t end = std::min(begin + kPiece, data.test);
    sum += batches.LossOf(network, begin, end).item<double>() * static_cast<double>(end - begin);
  }
  return sum / static_cast<double>(data.test - data.train);
}

}  // namespace

absl::StatusOr<FittedPriceHead> FitPriceHead(const PriceConfig& config, const PriceHeadConfig& head,
                                             const PriceData& data) {
  const int64_t batch = std::min<int64_t>(config.training().batch(), data.train);
  const int64_t steps_per_epoch = data.train / batch;  // what is left over is another each epoch
  const int64_t steps = steps_per_epoch * config.training().epochs();
  base::Progress progress(absl::StrCat("train ", head.name()), "steps", steps);
  FittedPriceHead fitted;
  absl::Status status;
  const auto fit = [&]() -> absl::Status {
    fitted.network =
        std::make_unique<PriceNetwork>(head, std::vector<int64_t>(config.hidden().begin(), config.hidden().end()),
                                       data.features.size(1), data.scales, config.seed());
    PriceNetwork& network = *fitted.network;
    const Batches batches(data, network.coding());
    DenseOptimizer optimizer({.kind = DenseRule::Kind::kAdam}, network.parameters().dense());
    const at::Tensor& gradient = network.parameters().gradient();
    at::Tensor best, rows = at::empty({batch}, at::kLong);
    for (int64_t step = 0; step < steps; ++step) {
      RETURN_IF_ERROR(base::CheckInterrupt());
      const int64_t epoch = step / steps_per_epoch;
      const base::Permutation order(data.train, config.seed(), base::StreamId("price.order"),
                                    static_cast<uint64_t>(epoch));
      for (int64_t i = 0; i < batch; ++i) {
        rows.data_ptr<int64_t>()[i] = order(step % steps_per_epoch * batch + i);
      }
      gradient.zero_();
      const at::Tensor loss = batches.LossOf(network, rows);
      loss.backward();
      if (!std::isfinite(loss.item<double>()) || !std::isfinite(SquaredNorm(gradient))) {
        return base::InvalidField("training.learning_rate",
                                  absl::StrCat("head ", head.name(), " is no longer finite in step ", step,
                                               "; take a lower one, or look for extreme values in the log"));
      }
      const double share =
          (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps))) / 2;
      optimizer.Step(gradient, share * config.training().learning_rate());
      progress.Update(step + 1);
      if ((step + 1) % steps_per_epoch != 0) continue;
      const double on_validation = ValidationLoss(batches, network, data);
      progress.Show("validation_loss", on_validation);
      if (!best.defined() || on_validation < fitted.validation_loss) {
        best = network.parameters().dense().clone();
        fitted.validation_loss = on_validation;
        fitted.epoch = static_cast<int>(epoch) + 1;
      }
    }
    network.parameters().dense().copy_(best);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(torch::CatchTorch([&] { status = fit(); }));
  RETURN_IF_ERROR(status);
  if (!std::isfinite(fitted.validation_loss)) {
    return base::InvalidField("training.learning_rate",
                              absl::StrCat("head ", head.name(), " has the loss ",
                                           base::ShortestDecimal(fitted.validation_loss), " on validation"));
  }
  progress.Finish();
  return fitted;
}

absl::Status ForEachForecast(const PriceNetwork& network, const PriceData& data, int64_t begin, int64_t end,
                             const std::function<void(int64_t, std::span<const double>)>& row) {
  for (int64_t first = begin; first < end; first += kPiece) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    const int64_t n = std::min(kPiece, end - first);
    at::Tensor forecasts;
    RETURN_IF_ERROR(
        torch::CatchTorch([&] { forecasts = network.Forecast(data.features.narrow(0, first, n)).contiguous(); }));
    const auto width = static_cast<size_t>(forecasts.numel() / n);
    for (int64_t i = 0; i < n; ++i) {
      row(first + i, {forecasts.data_ptr<double>() + static_cast<size_t>(i) * width, width});
    }
  }
  return absl::OkStatus();
}

}  // namespace vickrey::trainer
