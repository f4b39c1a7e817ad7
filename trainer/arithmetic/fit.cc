#include "trainer/arithmetic/fit.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/arithmetic/answer_loss.h"
#include "trainer/arithmetic/batch.h"
#include "trainer/arithmetic/vocabulary.h"
#include "trainer/optim/dense_optimizer.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer::arithmetic {
namespace {

using vickrey::config::v1::ArithmeticConfig;

constexpr double kWarmUp = .1;  // share of the steps
constexpr double kLast = .1;    // of which the objective is reported

// As a share of its peak, of step `step` (from 0) of `steps`.
double LearningRateAt(int64_t step, int64_t steps) {
  const auto rise = static_cast<int64_t>(std::ceil(kWarmUp * static_cast<double>(steps)));
  if (step < rise) return static_cast<double>(step + 1) / static_cast<double>(rise);
  const double progress = static_cast<double>(step - rise) / static_cast<double>(steps - rise);
  return (1 + std::cos(std::numbers::pi * progress)) / 2;
}

class Run {
 public:
  Run(const ArithmeticConfig& config, const Problems& problems, DigitTransformer* network)
      : config_(config),
        problems_(problems),
        network_(*network),
        distance_(config.loss() == "ntl_mse" ? NumberDistance::kMse : NumberDistance::kWas),
        optimizer_({.kind = DenseRule::Kind::kAdamW, .beta2 = .99, .weight_decay = config.weight_decay()},
                   network->parameters()) {}

  // The objective before the step; not finite, with the parameters as they were, where it or its gradient is not.
  double Step(int64_t step) {
    std::vector<Problem> chosen;
    for (int64_t i = 0; i < config_.batch(); ++i) chosen.push_back(problems_.Trained(step * config_.batch() + i));
    const Batch batch = BatchOf(problems_, chosen);
    network_.gradient().zero_();
    const at::Tensor objective = AnswerLoss(distance_, config_.lambda(), network_.Logits(batch.tokens), batch);
    objective.backward();
    const double norm = std::sqrt(SquaredNorm(network_.gradient()));
    if (!std::isfinite(norm)) return norm;
    optimizer_.Step(network_.gradient(), config_.learning_rate() * LearningRateAt(step, config_.steps()),
                    std::min(1., config_.clip_norm() / std::max(norm, 1e-30)));
    return objective.item<double>();
  }

 private:
  const ArithmeticConfig& config_;
  const Problems& problems_;
  DigitTransformer& network_;
  const NumberDistance distance_;
  DenseOptimizer optimizer_;
};

}  // namespace

DigitTransformer::Options NetworkOf(const ArithmeticConfig& config, const Problems& problems) {
  return {.tokens = kTokens,
          .positions = problems.most_question() + problems.most_digits(),
          .width = config.width(),
          .layers = config.layers(),
          .heads = config.heads(),
          .seed = config.seed()};
}

absl::StatusOr<double> Fit(const ArithmeticConfig& config, const Problems& problems, DigitTransformer* network) {
  base::Progress progress("train", "steps", config.steps());
  Run run(config, problems, network);
  const auto last = static_cast<int64_t>(std::ceil(kLast * config.steps()));
  double sum = 0;
  for (int64_t step = 0; step < config.steps(); ++step) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    ASSIGN_OR_RETURN(const double objective, torch::CatchTorch([&] { return run.Step(step); }));
    if (!std::isfinite(objective)) {
      return absl::InternalError(absl::StrCat("step ", step + 1, " of ", config.steps(),
                                              " has an objective or a gradient that is not finite; a lower "
                                              "learning_rate or clip_norm may help"));
    }
    if (step >= config.steps() - last) sum += objective;
    progress.Show("objective", objective);
    progress.Update(step + 1);
  }
  progress.Finish();
  return sum / static_cast<double>(last);
}

}  // namespace vickrey::trainer::arithmetic
