#include "trainer/cost/curve.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "trainer/evaluate.h"
#include "trainer/optim/optimizer.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer::cost {

absl::StatusOr<std::optional<vickrey::v1::CostCurveLine>> Learn(Training* training, int64_t candidates) {
  const auto& config = training->config();
  const Selection train = training->data().Train(), validation = training->data().Validation();
  if (validation.auctions() == 0) {
    return base::InvalidField("data.validation", "is 0: a curve needs auctions to validate on");
  }
  RETURN_IF_ERROR(training->Start());
  const Sample sample(validation, config.evaluation().auctions());
  const double of_auction =
      static_cast<double>(train.totals().candidates) / static_cast<double>(train.totals().auctions);
  const double of_step = of_auction * config.optimizer().batch_auctions();
  const auto steps = std::max<int64_t>(1, std::llround(static_cast<double>(candidates) / of_step));
  const bool main = training->workers().rank() == 0;
  vickrey::v1::CostCurveLine line;
  int64_t seen = 0;
  const auto judge = [&]() -> absl::Status {
    if (!main) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Judgement judgement, Judge(sample, training->network(), Labels::Clicks(), /*multiplier=*/1));
    auto& point = *line.add_points();
    point.set_candidates(seen);
    if (judgement.metrics.has_logloss()) point.set_validation_logloss(judgement.metrics.logloss());
    if (judgement.metrics.has_regret()) point.set_validation_regret(judgement.metrics.regret());
    return absl::OkStatus();
  };
  const auto progress = main ? std::make_unique<base::Progress>("curve", "steps", steps) : nullptr;
  RETURN_IF_ERROR(judge());
  for (int64_t step = 0, next = 1; step < steps; ++step) {
    const double share = LearningRateAt(config.optimizer(), step, steps);
    ASSIGN_OR_RETURN(const int64_t taken,
                     training->Step(share, static_cast<double>(step) / static_cast<double>(steps)));
    seen += taken;
    if (main) progress->Update(step + 1);
    if (step + 1 == next || step + 1 == steps) {
      RETURN_IF_ERROR(judge());
      next *= 2;
    }
  }
  if (!main) return std::nullopt;
  progress->Finish();
  return line;
}

}  // namespace vickrey::trainer::cost
