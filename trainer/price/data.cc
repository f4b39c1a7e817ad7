#include "trainer/price/data.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/price/features.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceConfig;

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

absl::Status MakeScales(const PriceConfig& config, PriceData* data) {
  const auto prices = std::span<const double>(data->log.prices).first(static_cast<size_t>(data->train));
  PriceScales& scales = data->scales;
  scales.price_mean = MeanOf(prices);
  double square = 0, r = 0;
  for (size_t i = 0; i < prices.size(); ++i) {
    square += (prices[i] - scales.price_mean) * (prices[i] - scales.price_mean);
    r += std::abs(data->values[i] - prices[i]);
  }
  const auto n = static_cast<double>(prices.size());
  // Of a market with one price, or where R is always 0, nothing can be learnt, and any unit will do.
  scales.price_deviation = square > 0 ? std::sqrt(square / n) : 1;
  scales.r_scale = r > 0 ? r / n : 1;
  const auto edges =
      config.tokens().edges() == "quantile" ? price::Bins::Edges::kQuantile : price::Bins::Edges::kEqualWidth;
  ASSIGN_OR_RETURN(price::Bins bins, price::Bins::Fit(prices, config.tokens().bins(), edges));
  scales.bins = std::make_shared<const price::Bins>(std::move(bins));
  ASSIGN_OR_RETURN(price::Digits digits, price::Digits::Create(config.tokens().digits(), config.tokens().unit()));
  scales.digits = std::make_shared<const price::Digits>(std::move(digits));
  const bool in_digits = std::any_of(config.heads().begin(), config.heads().end(),
                                     [](const auto& head) { return head.kind() == "digits"; });
  const double most = *std::max_element(data->log.prices.begin(), data->log.prices.end());
  if (in_digits && !scales.digits->NumberOf(most).ok()) {
    return base::InvalidField(
        "tokens.digits", absl::StrCat(config.tokens().digits(), " digits hold prices up to ",
                                      base::ShortestDecimal(scales.digits->prices().back()), ", and there is one of ",
                                      base::ShortestDecimal(most), "; take more, or a larger tokens.unit"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PriceData> MakePriceData(const PriceConfig& config, PriceLog train, const PriceLog& test) {
  PriceData data;
  data.log = std::move(train);
  data.test = data.log.rows();
  data.train = data.test - static_cast<int64_t>(std::ceil(config.validation() * static_cast<double>(data.test)));
  if (data.train < 1) {
    return base::InvalidField("validation", absl::StrCat("leaves none of ", data.test, " rows to train on"));
  }
  ASSIGN_OR_RETURN(data.left_out, Append(test, &data.log));
  std::vector<double> all_pctrs = data.log.pctrs;
  if (all_pctrs.empty()) {
    const auto clicks = std::count(data.log.clicks.begin(), data.log.clicks.begin() + data.train, true);
    if (clicks == 0) {
      return base::InvalidField("click",
                                absl::StrCat("none of the ", data.train, " rows trained on has one, and of a log ",
                                             "without pctr an impression is worth their click rate"));
    }
    data.click_rate = static_cast<double>(clicks) / static_cast<double>(data.train);
    all_pctrs.assign(static_cast<size_t>(data.rows()), *data.click_rate);
  }
  for (double& pctr : all_pctrs) pctr = std::min(pctr, config.bidders().max_pctr());
  const auto pctrs = std::span<const double>(all_pctrs).first(static_cast<size_t>(data.train));
  const auto prices = std::span<const double>(data.log.prices).first(static_cast<size_t>(data.train));
  if (config.bidders().has_value_per_click()) {
    data.value_per_click = config.bidders().value_per_click();
  } else if (MeanOf(pctrs) > 0 && MeanOf(prices) > 0) {
    data.value_per_click = MeanOf(prices) / MeanOf(pctrs);
  } else {
    return base::InvalidField("bidders.value_per_click",
                              "is required: the training rows have no click probability, or no price, above 0");
  }
  for (const double pctr : all_pctrs) data.values.push_back(pctr * data.value_per_click);
  RETURN_IF_ERROR(MakeScales(config, &data));
  data.floors_known = config.floors() != "ignore";
  const PriceFeatureChoice choice = ChooseFeatures(data.log, config.features(), data.floors_known, data.train);
  PriceFeatures raw = RawFeatures(data.log, config.features(), choice);
  data.feature_names = std::move(raw.names);
  data.features = Standardized(raw.rows, data.train);
  return data;
}

}  // namespace vickrey::trainer
