#ifndef TRAINER_PRICE_DATA_H_
#define TRAINER_PRICE_DATA_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/price/head.h"
#include "trainer/price/price_log.h"
#include "vickrey/config/v1/price.pb.h"

namespace vickrey::trainer {

// Two logs, one behind the other, as heads and bidders see them. Rows [0, train) are trained on, [train, test) chosen
// on, [test, rows) judged on. Statistics (of features, scales, bins, the value of a click) are of the training rows.
struct PriceData {
  PriceLog log;
  int64_t train = 0, test = 0;
  std::vector<std::string> feature_names;
  at::Tensor features;  // (rows, features), float, standardised
  double value_per_click = 0;
  std::vector<double> values;  // of each row: pctr, at most max_pctr, x value_per_click
  // Of a log without pctrs: the share of the training rows with a click, which is taken for every row's.
  std::optional<double> click_rate;
  int64_t left_out = 0;  // rows of the test log that lie before the end of the training log
  PriceScales scales;
  bool floors_known = true;  // to heads and bidders

  int64_t rows() const { return log.rows(); }
  // What is known of a row's floor before bidding: 0 where it has none, and everywhere if floors are to be ignored.
  double floor(int64_t row) const { return floors_known ? log.floors[static_cast<size_t>(row)] : 0; }
};

// INVALID_ARGUMENT naming a field of the configuration or of the log where they do not go together: too few rows to
// leave some to train on, no click to be worth anything, a price that the digits do not hold.
absl::StatusOr<PriceData> MakePriceData(const vickrey::config::v1::PriceConfig& config, PriceLog train,
                                        const PriceLog& test);

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_DATA_H_
