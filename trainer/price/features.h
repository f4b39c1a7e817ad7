#ifndef TRAINER_PRICE_FEATURES_H_
#define TRAINER_PRICE_FEATURES_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "trainer/price/price_log.h"
#include "vickrey/config/v1/price.pb.h"

namespace vickrey::trainer {

// What heads see of the impressions of a log. Row i is a function of what is known before auction i is run: its own
// pctr, hour, floor and categories, and the prices of rows up to i - delay, whoever won them.
struct PriceFeatures {
  std::vector<std::string> names;
  at::Tensor rows;  // (rows, names), float
};

// Which features there are beside those that every log has; chosen by what the rows trained on hold.
struct PriceFeatureChoice {
  // A value of a category.
  struct Value {
    size_t category = 0;  // of the log's
    int32_t value = 0;
  };
  bool hour = false;          // `hour_sin`, `hour_cos`
  bool floor = false;         // `log_floor` = log(1 + floor), `has_floor`
  std::vector<Value> values;  // `CATEGORY=VALUE`, 1 for rows that have it
};

// By the first `rows` rows: the hour if they have the whole day; the floor if one of them has one; of each category
// the values that at least `category_rows` of them have, and not all, at most `category_values` of them, the most
// frequent; in order of categories and first appearance. As far as `config` does
// not say otherwise; `floors`: whether they may be seen at all.
PriceFeatureChoice ChooseFeatures(const PriceLog& log, const vickrey::config::v1::PriceFeatureConfig& config,
                                  bool floors, int64_t rows);

// Raw: `log_pctr` = log(pctr + 1e-6) where the log has pctrs; of each window w `mean_w`, `deviation_w` of the last w
// known prices, NaN before there is one; what was chosen.
PriceFeatures RawFeatures(const PriceLog& log, const vickrey::config::v1::PriceFeatureConfig& config,
                          const PriceFeatureChoice& choice);

// Whether the first `rows` rows have all 24 hours of a day.
bool HasWholeDay(const PriceLog& log, int64_t rows);

// Each feature less its mean and over its deviation in the first `rows` rows; one that is constant there, and what is
// NaN, becomes 0; cut to [-10, 10], so that one row does not run away with a head.
at::Tensor Standardized(const at::Tensor& raw, int64_t rows);

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_FEATURES_H_
