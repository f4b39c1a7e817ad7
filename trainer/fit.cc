#include "trainer/fit.h"

#include <c10/core/GradMode.h>
#include <torch/optim/adam.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/model/model.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::OptimizerConfig;

constexpr double kRise = 0.1;             // share of a phase's steps in which the learning rate rises
constexpr int64_t kChunkAuctions = 4096;  // of an evaluation

// The auctions in the order of one epoch (Fisher-Yates).
std::vector<int64_t> OrderOf(std::vector<int64_t> auctions, uint64_t seed, int epoch) {
  base::RandomStream random(seed, base::StreamId("train.order"), static_cast<uint64_t>(epoch));
  for (size_t i = auctions.size(); i > 1; --i) std::swap(auctions[i - 1], auctions[random.Below(i)]);
  return auctions;
}

std::unique_ptr<::torch::optim::Adam> MakeAdam(const OptimizerConfig& config, const torch::Network& network) {
  return std::make_unique<::torch::optim::Adam>(
      network.parameters(),
      ::torch::optim::AdamOptions(config.learning_rate()).betas(std::make_tuple(config.beta1(), config.beta2())));
}

void SetLearningRate(double rate, ::torch::optim::Adam* adam) {
  for (auto& group : adam->param_groups()) {
    static_cast<::torch::optim::AdamOptions&>(group.options()).lr(rate);
  }
}

void Report(const vickrey::v1::Epoch& epoch) {
  if (isatty(STDERR_FILENO) != 1) {
    vickrey::v1::EpochLine line;
    *line.mutable_epoch() = epoch;
    std::fputs(absl::StrCat(base::ToJson(line), "\n").c_str(), stderr);
    return;
  }
  std::string text = absl::StrFormat("\r\033[K%s: epoch %d of %d, objective %.5g", epoch.model(), epoch.epoch(),
                                     epoch.epochs(), epoch.train_value());
  if (epoch.has_validation_logloss()) {
    absl::StrAppend(&text, absl::StrFormat("; validation: log loss %.5f", epoch.validation_logloss()));
  }
  if (epoch.has_validation_welfare()) {
    absl::StrAppend(&text, absl::StrFormat(", welfare %.5f (by %s)", epoch.validation_welfare(), epoch.reference()));
  }
  std::fputs(absl::StrCat(text, epoch.best() ? ", the best so far\n" : "\n").c_str(), stderr);
}

// One run of Fit.
class Run {
 public:
  Run(const Dataset& data, const std::vector<double>& labels, const FitOptions& options, const Loss& loss,
      torch::Network* network)
      : data_(data),
        labels_(labels),
        options_(options),
        loss_(loss),
        network_(*network),
        batch_size_(options.optimizer.batch_auctions()),
        steps_per_epoch_((static_cast<int64_t>(options.auctions.size()) + batch_size_ - 1) / batch_size_),
        steps_(steps_per_epoch_ * options.optimizer.epochs()),
        warm_steps_(WarmSteps()),
        progress_(absl::StrCat("train ", options.name), "steps", steps_) {}

  absl::StatusOr<Fitted> Train() {
    for (int epoch = 1; epoch <= options_.optimizer.epochs(); ++epoch) {
      vickrey::v1::Epoch report;
      report.set_model(options_.name);
      report.set_epoch(epoch);
      report.set_epochs(options_.optimizer.epochs());
      ASSIGN_OR_RETURN(const double train_value, TrainEpoch(epoch));
      report.set_train_value(train_value);
      RETURN_IF_ERROR(Evaluate(&report));
      Report(report);
    }
    progress_.Finish();
    return std::move(best_);
  }

 private:
  int64_t WarmSteps() const {
    return IsRankLoss(options_.loss) ? std::llround(options_.loss.warm_phase() * static_cast<double>(steps_)) : 0;
  }

  // The mean objective of the epoch's steps.
  absl::StatusOr<double> TrainEpoch(int epoch) {
    const std::vector<int64_t> order = OrderOf(options_.auctions, options_.seed, epoch);
    double sum = 0;
    for (size_t begin = 0; begin < order.size(); begin += batch_size_) {
      const size_t end = std::min(order.size(), begin + batch_size_);
      Gather(data_, labels_, order, begin, end, &features_, &batch_);
      RETURN_IF_ERROR(base::CheckInterrupt());
      ASSIGN_OR_RETURN(const double value, Step());
      sum += value;
      progress_.Update(step_);
    }
    return sum / static_cast<double>(steps_per_epoch_);
  }

  absl::StatusOr<double> Step() {
    RETURN_IF_ERROR(CheckBatch(batch_));
    const bool warm = step_ < warm_steps_;
    const int64_t phase_begin = warm ? 0 : warm_steps_;
    const int64_t phase_steps = warm ? warm_steps_ : steps_ - warm_steps_;
    Point point = PointAt(options_.loss, static_cast<double>(step_ - phase_begin) / static_cast<double>(phase_steps));
    if (warm) point.alpha = 1;
    const auto value = torch::CatchTorch([&] {
      if (step_ == phase_begin) adam_ = MakeAdam(options_.optimizer, network_);
      SetLearningRate(options_.optimizer.learning_rate() * LearningRateAt(step_ - phase_begin, phase_steps),
                      adam_.get());
      adam_->zero_grad();
      const at::Tensor objective = loss_.Value(network_.Outputs(features_), batch_, point);
      const double result = objective.item<double>();
      if (std::isfinite(result)) {
        objective.backward();
        adam_->step();
      }
      return result;
    });
    RETURN_IF_ERROR(value);
    if (!std::isfinite(*value)) {
      return absl::InternalError(absl::StrCat("training ", options_.name, ": the objective of step ", step_,
                                              " is not finite; a lower optimizer.learning_rate may help"));
    }
    ++step_;
    return *value;
  }

  absl::Status Evaluate(vickrey::v1::Epoch* report) {
    double score = static_cast<double>(report->epoch());  // without a validation set the last is the best
    double multiplier = 1;
    if (data_.validation.end > data_.validation.begin) {
      ASSIGN_OR_RETURN(const std::vector<float> logits, LogitsOf(data_, data_.validation, network_));
      multiplier = MultiplierFor(data_, data_.validation, logits);
      ASSIGN_OR_RETURN(const vickrey::v1::MetricsLine metrics,
                       Judge(data_, data_.validation, ProbabilitiesOf(logits, multiplier)));
      if (metrics.has_logloss()) report->set_validation_logloss(metrics.logloss());
      if (metrics.has_welfare()) {
        report->set_validation_welfare(metrics.welfare());
        report->set_reference(metrics.reference());
      }
      if (options_.by_welfare && metrics.has_welfare()) {
        score = metrics.welfare();
      } else if (metrics.has_logloss()) {
        score = -metrics.logloss();
      }
    }
    // What a rank loss has not trained yet is a log-loss model: no checkpoint, unless there is no other.
    const bool eligible = step_ > warm_steps_ || report->epoch() == options_.optimizer.epochs();
    if (!eligible || (best_.epoch > 0 && !(score > best_score_))) return absl::OkStatus();
    best_score_ = score;
    report->set_best(true);
    best_ = {.weights = network_.Copy(), .multiplier = multiplier, .epoch = report->epoch()};
    return absl::OkStatus();
  }

  const Dataset& data_;
  const std::vector<double>& labels_;
  const FitOptions& options_;
  const Loss& loss_;
  torch::Network& network_;
  model::Batch features_;  // of the current step
  LossBatch batch_;        // of the current step
  const int64_t batch_size_, steps_per_epoch_, steps_, warm_steps_;
  int64_t step_ = 0;
  std::unique_ptr<::torch::optim::Adam> adam_;
  base::Progress progress_;
  Fitted best_;
  double best_score_ = 0;
};

}  // namespace

double LearningRateAt(int64_t step, int64_t steps) {
  const auto rise = static_cast<int64_t>(std::ceil(kRise * static_cast<double>(steps)));
  if (step < rise) return static_cast<double>(step + 1) / static_cast<double>(rise);
  return (1 + std::cos(std::numbers::pi * static_cast<double>(step - rise) / static_cast<double>(steps - rise))) / 2;
}

absl::StatusOr<std::vector<float>> LogitsOf(const Dataset& data, const base::IndexRange& range,
                                            const torch::Network& network) {
  return torch::CatchTorch([&] {
    const c10::AutoGradMode no_gradient(false);
    std::vector<float> logits;
    model::Batch chunk;
    for (int64_t begin = range.begin; begin < range.end; begin += kChunkAuctions) {
      chunk.Clear();
      for (int64_t a = begin; a < std::min(range.end, begin + kChunkAuctions); ++a) chunk.AppendFrom(data.features, a);
      const at::Tensor values = network.Logits(chunk).contiguous();
      logits.insert(logits.end(), values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
    }
    return logits;
  });
}

std::vector<double> ProbabilitiesOf(const std::vector<float>& logits, double multiplier) {
  std::vector<double> probabilities;
  probabilities.reserve(logits.size());
  vickrey::storage::v1::Calibration calibration;
  calibration.set_multiplier(multiplier);
  for (const float u : logits) probabilities.push_back(model::Probability(calibration, u));
  return probabilities;
}

double MultiplierFor(const Dataset& data, const base::IndexRange& range, const std::vector<float>& logits) {
  const int64_t first = data.features.offsets[range.begin];
  double clicks = 0, predicted = 0;
  for (size_t k = 0; k < logits.size(); ++k) {
    if (std::isnan(data.clicks[first + k])) continue;
    clicks += data.clicks[first + k];
    predicted += 1 / (1 + std::exp(-double{logits[k]}));
  }
  return clicks > 0 && predicted > 0 ? clicks / predicted : 1;
}

absl::StatusOr<Fitted> Fit(const Dataset& data, const std::vector<double>& labels, const FitOptions& options,
                           torch::Network* network) {
  ASSIGN_OR_RETURN(const auto loss, MakeLoss(options.loss));
  return Run(data, labels, options, *loss, network).Train();
}

}  // namespace vickrey::trainer
