#include "trainer/price/features.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "absl/strings/str_cat.h"
#include "vickrey/base/json.h"

namespace vickrey::trainer {
namespace {

constexpr double kLeastPctr = 1e-6;
constexpr double kMostDeviations = 10;

}  // namespace

PriceFeatureChoice ChooseFeatures(const PriceLog& log, const vickrey::config::v1::PriceFeatureConfig& config,
                                  bool floors, int64_t rows) {
  PriceFeatureChoice choice;
  choice.hour = config.hour_of_day() == "on" || (config.hour_of_day() == "auto" && HasWholeDay(log, rows));
  choice.floor = floors && config.floor() == "auto" &&
                 std::any_of(log.floors.begin(), log.floors.begin() + rows, [](double floor) { return floor > 0; });
  if (config.categories() != "auto") return choice;
  for (size_t c = 0; c < log.categories.size(); ++c) {
    const PriceCategory& category = log.categories[c];
    std::vector<int64_t> counts(category.values().size());
    for (int64_t i = 0; i < rows; ++i) ++counts[static_cast<size_t>(category.rows()[static_cast<size_t>(i)])];
    std::vector<int32_t> chosen;
    for (size_t v = 0; v < counts.size(); ++v) {
      if (counts[v] >= config.category_rows() && counts[v] < rows) chosen.push_back(static_cast<int32_t>(v));
    }
    std::stable_sort(chosen.begin(), chosen.end(), [&](int32_t a, int32_t b) {
      return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
    });
    chosen.resize(std::min(chosen.size(), static_cast<size_t>(config.category_values())));
    std::sort(chosen.begin(), chosen.end());
    for (const int32_t value : chosen) choice.values.push_back({c, value});
  }
  return choice;
}

PriceFeatures RawFeatures(const PriceLog& log, const vickrey::config::v1::PriceFeatureConfig& config,
                          const PriceFeatureChoice& choice) {
  const auto rows = static_cast<size_t>(log.rows());
  PriceFeatures features;
  const bool with_pctr = !log.pctrs.empty();
  if (with_pctr) features.names.push_back("log_pctr");
  for (const int window : config.windows()) {
    features.names.push_back(absl::StrCat("mean_", window));
    features.names.push_back(absl::StrCat("deviation_", window));
  }
  if (choice.hour) features.names.insert(features.names.end(), {"hour_sin", "hour_cos"});
  if (choice.floor) features.names.insert(features.names.end(), {"log_floor", "has_floor"});
  for (const PriceFeatureChoice::Value& one : choice.values) {
    const PriceCategory& category = log.categories[one.category];
    features.names.push_back(
        absl::StrCat(category.name(), "=", base::ValidUtf8(category.values()[static_cast<size_t>(one.value)])));
  }
  const size_t width = features.names.size();
  features.rows = at::empty({log.rows(), static_cast<int64_t>(width)}, at::kFloat);
  auto* const out = features.rows.data_ptr<float>();
  // Sums over the rows before each, of the price and its square less a shift that keeps the squares from cancelling.
  const double shift = log.prices.empty() ? 0 : log.prices.front();
  std::vector<double> sums(rows + 1), squares(rows + 1);
  for (size_t i = 0; i < rows; ++i) {
    const double price = log.prices[i] - shift;
    sums[i + 1] = sums[i] + price;
    squares[i + 1] = squares[i] + price * price;
  }
  for (size_t i = 0; i < rows; ++i) {
    float* at = out + i * width;
    if (with_pctr) *at++ = static_cast<float>(std::log(log.pctrs[i] + kLeastPctr));
    const size_t delay = static_cast<size_t>(config.delay()) - 1, end = i > delay ? i - delay : 0;  // of known prices
    for (const int window : config.windows()) {
      const size_t begin = end - std::min(end, static_cast<size_t>(window));
      const auto n = static_cast<double>(end - begin);
      const double mean = n == 0 ? std::numeric_limits<double>::quiet_NaN() : (sums[end] - sums[begin]) / n;
      *at++ = static_cast<float>(mean + shift);
      *at++ = static_cast<float>(n == 0 ? mean
                                        : std::sqrt(std::max(0.0, (squares[end] - squares[begin]) / n - mean * mean)));
    }
    if (choice.hour) {
      const double turn = 2 * std::numbers::pi * static_cast<double>(log.hours[i] % 24) / 24;
      *at++ = static_cast<float>(std::sin(turn));
      *at++ = static_cast<float>(std::cos(turn));
    }
    if (choice.floor) {
      *at++ = static_cast<float>(std::log1p(log.floors[i]));
      *at++ = log.floors[i] > 0 ? 1 : 0;
    }
    for (const PriceFeatureChoice::Value& one : choice.values) {
      *at++ = log.categories[one.category].rows()[i] == one.value ? 1 : 0;
    }
  }
  return features;
}

bool HasWholeDay(const PriceLog& log, int64_t rows) {
  std::set<int64_t> seen;
  for (int64_t i = 0; i < rows; ++i) seen.insert(log.hours[static_cast<size_t>(i)] % 24);
  return seen.size() == 24;
}

at::Tensor Standardized(const at::Tensor& raw, int64_t rows) {
  const at::Tensor out = raw.clone();
  const int64_t width = raw.size(1), all = raw.size(0);
  auto* const x = out.data_ptr<float>();
  for (int64_t c = 0; c < width; ++c) {
    double n = 0, mean = 0, square = 0;  // Welford
    for (int64_t i = 0; i < rows; ++i) {
      const double value = x[i * width + c];
      if (std::isnan(value)) continue;
      const double before = value - mean;
      mean += before / ++n;
      square += before * (value - mean);
    }
    const double deviation = n > 0 ? std::sqrt(square / n) : 0;
    const bool constant = !(deviation > 1e-9 * std::max(1.0, std::abs(mean)));
    for (int64_t i = 0; i < all; ++i) {
      float& value = x[i * width + c];
      value = constant || std::isnan(value)
                  ? 0
                  : static_cast<float>(std::clamp((value - mean) / deviation, -kMostDeviations, kMostDeviations));
    }
  }
  return out;
}

}  // namespace vickrey::trainer
