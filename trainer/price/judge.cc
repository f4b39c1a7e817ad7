#include "trainer/price/judge.h"

#include <cmath>

namespace vickrey::trainer {

void PriceJudge::Add(double forecast, double price) {
  ++rows_;
  const double error = std::abs(forecast - price);
  absolute_ += error;
  square_ += error * error;
  crps_ += error;
}

void PriceJudge::Add(const price::FlooredDistribution& forecast, double price) {
  ++rows_;
  const price::Distribution distribution = forecast.distribution();
  const double error = distribution.Mean() - price;
  absolute_ += std::abs(distribution.Median() - price);
  square_ += error * error;
  crps_ += distribution.Crps(price);
  log_density_ += forecast.LogDensityAt(price);
  calibration_.Add(distribution, price);
}

void PriceJudge::Report(vickrey::v1::PriceHeadLine* line) const {
  const auto n = static_cast<double>(rows_);
  line->set_rows(rows_);
  line->set_mae(absolute_ / n);
  line->set_rmse(std::sqrt(square_ / n));
  line->set_crps(crps_ / n);
  if (coding_ == nullptr) return;
  line->set_tokens(coding_->tokens());
  line->set_log_likelihood(log_density_ / n);
  line->set_calibration_error(calibration_.calibration_error());
  line->set_marginal_error(calibration_.marginal_error());
  line->set_pit_error(calibration_.pit_error());
  for (const double share : calibration_.pit()) line->add_pit(share);
  for (const price::CurveCalibration::Point& point : calibration_.curve()) {
    auto& out = *line->add_curve();
    out.set_bid(point.bid);
    out.set_predicted(point.predicted);
    out.set_observed(point.observed);
  }
}

}  // namespace vickrey::trainer
