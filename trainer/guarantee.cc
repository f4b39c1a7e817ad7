#include "trainer/guarantee.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "trainer/loss/loss.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;

constexpr double kMicro = 1e6;
constexpr size_t kBins = 10;

// The configuration of the loss that bounds the regret.
LossConfig BoundConfig(LossConfig config) {
  config.set_loss("welfare_rank");
  config.set_pairs("all");
  config.set_weight("positive");
  if (config.surrogate() == "tanh") config.set_surrogate("logistic");
  if (config.has_sigma_end()) config.set_sigma(config.sigma_end());
  config.clear_sigma_end();
  config.clear_scale();
  config.set_margin("log_ecpm");
  return config;
}

absl::StatusOr<double> MeanBound(const Dataset& data, const base::IndexRange& range, const std::vector<float>& logits,
                                 const std::vector<double>& teacher, const LossConfig& config) {
  ASSIGN_OR_RETURN(const auto loss, MakeLoss(config));
  LossBatch batch;
  const int64_t first = data.features.offsets[range.begin];
  for (int64_t a = range.begin; a < range.end; ++a) batch.offsets.push_back(data.features.offsets[a + 1] - first);
  for (size_t k = 0; k < logits.size(); ++k) {
    batch.bids.push_back(static_cast<double>(data.bids_micros[first + k]) / kMicro);
    batch.labels.push_back(teacher[first + k]);
  }
  return torch::CatchTorch([&] {
    const c10::AutoGradMode no_gradient(false);
    std::vector<double> u(logits.begin(), logits.end());
    const at::Tensor tensor = at::from_blob(u.data(), {static_cast<int64_t>(u.size())}, at::kDouble);
    return loss->Value(tensor, batch, {.sigma = config.sigma(), .alpha = 0}).item<double>();
  });
}

// E (t - E[y | t])^2 by bins of equally many labels, less what the noise of clicks adds to it.
double CalibrationError(std::vector<std::pair<double, double>> rows) {  // teacher, click
  std::sort(rows.begin(), rows.end());
  double sum = 0;
  for (size_t k = 0; k < kBins; ++k) {
    const size_t begin = rows.size() * k / kBins, end = rows.size() * (k + 1) / kBins;
    if (end - begin < 2) continue;  // one row says nothing of its noise
    const auto n = static_cast<double>(end - begin);
    double t = 0, y = 0;
    for (size_t i = begin; i < end; ++i) {
      t += rows[i].first / n;
      y += rows[i].second / n;
    }
    // Noise is subtracted without a floor: where it is all there is, bins cancel.
    sum += n * ((t - y) * (t - y) - y * (1 - y) / (n - 1));
  }
  return rows.empty() ? 0 : std::sqrt(std::max(0.0, sum) / static_cast<double>(rows.size()));
}

}  // namespace

absl::StatusOr<Guarantee> GuaranteeOf(const Dataset& data, const base::IndexRange& range,
                                      const std::vector<float>& logits, double multiplier,
                                      const std::vector<double>& teacher, const LossConfig& config) {
  Guarantee guarantee;
  const int64_t first = data.features.offsets[range.begin], last = data.features.offsets[range.end];
  double squares = 0, money = 0;
  std::vector<std::pair<double, double>> clicked;
  bool truth = true, values_are_bids = true;
  for (int64_t i = first; i < last; ++i) {
    truth = truth && !std::isnan(data.truths[i]);
    values_are_bids = values_are_bids && data.values_micros[i] == data.bids_micros[i];
    const double error = teacher[i] - data.truths[i];
    squares += error * error;
    money += std::pow(static_cast<double>(data.bids_micros[i]) / kMicro * error, 2);
    if (!std::isnan(data.clicks[i])) clicked.emplace_back(teacher[i], data.clicks[i]);
  }
  if (!truth) {
    guarantee.eps = CalibrationError(std::move(clicked));
    guarantee.verdict = "lower bound, not certified";
    return guarantee;
  }
  guarantee.eps = std::sqrt(squares / static_cast<double>(last - first));
  guarantee.eps_b = std::sqrt(money / static_cast<double>(range.end - range.begin));
  const float greatest = logits.empty() ? 0 : *std::max_element(logits.begin(), logits.end());
  if (!values_are_bids || multiplier / (1 + std::exp(-double{greatest})) > 1) {
    guarantee.verdict =
        values_are_bids ? "not certified: predictions are cut at 1" : "not certified: values differ from bids";
    return guarantee;
  }
  guarantee.verdict = "certified";
  ASSIGN_OR_RETURN(const double loss, MeanBound(data, range, logits, teacher, BoundConfig(config)));
  guarantee.bound = loss + *guarantee.eps_b * std::numbers::sqrt2;
  return guarantee;
}

}  // namespace vickrey::trainer
