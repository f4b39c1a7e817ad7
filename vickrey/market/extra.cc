#include "vickrey/market/extra.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/market/vectors.h"

namespace vickrey::market {
namespace {

using vickrey::config::v1::ExtraFeatures;

constexpr int64_t kMaxValues = 50'000'000;  // of all categorical fields: 200 MB
constexpr int kDrawnFields = 16;            // by DrawLaw

}  // namespace

absl::StatusOr<std::optional<Extra>> Extra::Create(const ExtraFeatures& config, uint64_t seed) {
  if (config.dense() == 0 && config.categorical() == 0) return std::nullopt;
  if (int64_t{config.categorical()} * config.cardinality() > kMaxValues) {
    return base::InvalidField("extra.cardinality",
                              absl::StrCat(config.cardinality(), " values of ", config.categorical(),
                                           " fields are too many; at most ", kMaxValues, " in all are allowed"));
  }
  return Extra(config, seed);
}

Extra::Extra(const ExtraFeatures& config, uint64_t seed)
    : categorical_(config.categorical()), cardinality_(config.cardinality()) {
  base::RandomStream random(seed, base::StreamId("market.extra"), 0);
  const int kinds = (config.dense() > 0) + (config.categorical() > 0);
  const double effect = config.effect() / std::sqrt(kinds);
  double squares = 0;
  weights_.resize(config.dense());
  for (double& w : weights_) {
    w = random.Normal();
    squares += w * w;
  }
  for (double& w : weights_) w *= effect / std::sqrt(squares);
  if (!weights_.empty()) undrawn_.variance = effect * effect;
  if (categorical_ == 0) return;
  std::vector<double> zipf(cardinality_);
  double total = 0;
  for (int k = 0; k < cardinality_; ++k) total += zipf[k] = std::pow(k + 1, -config.zipf_exponent());
  values_.emplace(zipf);
  effects_.resize(static_cast<size_t>(categorical_) * cardinality_);
  for (float& q : effects_) q = static_cast<float>(effect / std::sqrt(categorical_) * random.Normal());
  for (int f = kDrawnFields; f < categorical_; ++f) {
    const float* const effects = effects_.data() + static_cast<size_t>(f) * cardinality_;
    double mean = 0, mean_square = 0;
    for (int k = 0; k < cardinality_; ++k) {
      const auto q = static_cast<double>(effects[k]);
      mean += zipf[k] / total * q;
      mean_square += zipf[k] / total * q * q;
    }
    undrawn_.mean += mean;
    undrawn_.variance += std::max(mean_square - mean * mean, 0.0);
  }
}

NormalPart Extra::DrawLaw(base::RandomStream& random) const {
  NormalPart law = undrawn_;
  for (int f = 0; f < std::min(categorical_, kDrawnFields); ++f) {
    law.mean += static_cast<double>(effects_[static_cast<size_t>(f) * cardinality_ + values_->Draw(random)]);
  }
  return law;
}

void Extra::Draw(int own, base::RandomStream& random, SyntheticAuction* a) const {
  const size_t width = own + weights_.size();
  for (int i = 0; i < a->candidates; ++i) {
    double* const x = a->dense.data() + i * width + own;
    DrawRounded(random, x, x + weights_.size());
    double sum = 0;
    for (size_t j = 0; j < weights_.size(); ++j) sum += weights_[j] * x[j];
    int32_t* const values = a->categories.data() + static_cast<ptrdiff_t>(i) * categorical_;
    for (int f = 0; f < categorical_; ++f) {
      values[f] = values_->Draw(random);
      sum += static_cast<double>(effects_[static_cast<size_t>(f) * cardinality_ + values[f]]);
    }
    a->logits[i] += sum;
  }
}

}  // namespace vickrey::market
