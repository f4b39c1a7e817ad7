#include "trainer/guarantee.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "trainer/evaluate.h"
#include "trainer/loss/loss.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;

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

// Sum over a chunk's auctions of the loss.
absl::StatusOr<double> SumOf(const Loss& loss, const Chunk& chunk, const std::vector<float>& logits,
                             const std::vector<double>& labels, double sigma) {
  LossBatch batch;
  batch.offsets = chunk.features.offsets;
  for (const int64_t micros : chunk.bids_micros) batch.bids.push_back(static_cast<double>(micros) / base::kMicro);
  batch.labels = labels;
  return torch::CatchTorch([&] {
    const c10::AutoGradMode no_gradient(false);
    std::vector<double> u(logits.begin(), logits.end());
    const at::Tensor tensor = at::from_blob(u.data(), {static_cast<int64_t>(u.size())}, at::kDouble);
    return loss.Value(tensor, batch, {.sigma = sigma, .alpha = 0}).item<double>() *
           static_cast<double>(chunk.auctions());
  });
}

// E (t - E[y | t])^2 by bins of about equally many labels, less what the noise of clicks adds to it. Equal labels are
// in one bin: whichever part of them a boundary left on either side could be those that were clicked.
double CalibrationError(std::vector<std::pair<double, double>> rows) {  // teacher, click
  std::sort(rows.begin(), rows.end());
  double sum = 0;
  size_t end = 0;
  for (size_t k = 1; k <= kBins; ++k) {
    const size_t begin = end;
    end = std::max(begin, rows.size() * k / kBins);
    while (end > 0 && end < rows.size() && rows[end].first == rows[end - 1].first) ++end;
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

absl::StatusOr<Guarantee> GuaranteeOf(const Sample& sample, const torch::Network& network, double multiplier,
                                      const Labels& teacher, const LossConfig& config) {
  Guarantee guarantee;
  const LossConfig bound = BoundConfig(config);
  ASSIGN_OR_RETURN(const auto loss, MakeLoss(bound));
  double squares = 0, money = 0, losses = 0;
  int64_t candidates = 0;
  float greatest = -std::numeric_limits<float>::infinity();
  std::vector<std::pair<double, double>> clicked;
  std::vector<double> labels;
  bool truth = true, values_are_bids = true;
  const auto add = [&](const Chunk& chunk, const std::vector<float>& logits) -> absl::Status {
    RETURN_IF_ERROR(teacher.Of(chunk, &labels));
    for (size_t i = 0; i < logits.size(); ++i) {
      truth = truth && !std::isnan(chunk.truths[i]);
      values_are_bids = values_are_bids && chunk.values_micros[i] == chunk.bids_micros[i];
      const double error = labels[i] - chunk.truths[i];
      squares += error * error;
      money += std::pow(static_cast<double>(chunk.bids_micros[i]) / base::kMicro * error, 2);
      if (!std::isnan(chunk.clicks[i])) clicked.emplace_back(labels[i], chunk.clicks[i]);
      greatest = std::max(greatest, logits[i]);
    }
    candidates += chunk.candidates();
    ASSIGN_OR_RETURN(const double sum, SumOf(*loss, chunk, logits, labels, bound.sigma()));
    losses += sum;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ForEachScored(sample, network, add));
  if (!truth) {
    guarantee.eps = CalibrationError(std::move(clicked));
    guarantee.verdict = "lower bound, not certified";
    return guarantee;
  }
  guarantee.eps = std::sqrt(squares / static_cast<double>(candidates));
  guarantee.eps_b = std::sqrt(money / static_cast<double>(sample.auctions));
  if (!values_are_bids || multiplier / (1 + std::exp(-double{greatest})) > 1) {
    guarantee.verdict =
        values_are_bids ? "not certified: predictions are cut at 1" : "not certified: values differ from bids";
    return guarantee;
  }
  guarantee.verdict = "certified";
  guarantee.bound = losses / static_cast<double>(sample.auctions) + *guarantee.eps_b * std::numbers::sqrt2;
  return guarantee;
}

}  // namespace vickrey::trainer
