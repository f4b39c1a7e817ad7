#ifndef TRAINER_PRICE_JUDGE_H_
#define TRAINER_PRICE_JUDGE_H_

#include <cstdint>
#include <span>

#include "vickrey/price/floor.h"
#include "vickrey/price/tokens.h"
#include "vickrey/price/win_curve.h"
#include "vickrey/v1/price_lines.pb.h"

namespace vickrey::trainer {

// Judges forecasts of prices, one by one: either all numbers or all distributions. Not thread-safe.
class PriceJudge {
 public:
  // `coding`: of the distributions; null for numbers; must outlive it. `bids`: where the curve of winning is looked at.
  PriceJudge(const price::Coding* coding, std::span<const double> bids) : coding_(coding), calibration_(bids) {}

  // A number that is forecast.
  void Add(double forecast, double price);
  // A distribution of the coding, given its floor.
  void Add(const price::FlooredDistribution& forecast, double price);

  // Fills in rows and metrics.
  void Report(vickrey::v1::PriceHeadLine* line) const;

 private:
  const price::Coding* const coding_;
  price::CurveCalibration calibration_;
  int64_t rows_ = 0;
  double absolute_ = 0, square_ = 0, crps_ = 0, log_density_ = 0;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_JUDGE_H_
