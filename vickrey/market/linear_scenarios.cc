#include <cmath>
#include <numbers>
#include <vector>

#include "vickrey/market/scenarios.h"
#include "vickrey/market/vectors.h"

namespace vickrey::market {
namespace {

using base::RandomStream;
using vickrey::config::v1::MarketConfig;

// u = -3.6 + .6 w.x_c + 1.0 w0.x_a ; log b = .7 e. The others of this file change one thing.
class Linear : public Scenario {
 public:
  explicit Linear(uint64_t seed) : Scenario(kSynthetic) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<4>(random);
    w0_ = UnitVector<8>(random);
    w1_ = UnitVectorAcross(w0_, random);
  }

  void Draw(RandomStream& random, SyntheticAuction* a) const override { DrawWith(random, w0_, a); }

  // A sum of two independent normal numbers; the same for every unit vector w0, so also in drift.
  std::vector<NormalPart> LogitLaw(const Sizes&, RandomStream&) const override { return {{0, .36 + 1}}; }

 protected:
  void DrawWith(RandomStream& random, const Vector<8>& ad_weights, SyntheticAuction* a) const {
    DrawRounded(random, a->context.begin(), a->context.end());
    const double of_context = .6 * Dot(w_, a->context.data());
    const size_t width = a->dense.size() / a->candidates;
    for (int i = 0; i < a->candidates; ++i) {
      double* const x = a->dense.data() + i * width;
      DrawRounded(random, x, x + 8);
      a->logits[i] = of_context + Dot(ad_weights, x);
      a->log_bids[i] = LogBid(random, a->logits[i]);
    }
  }

  virtual double LogBid(RandomStream& random, double) const { return .7 * random.Normal(); }

  Vector<4> w_;
  Vector<8> w0_, w1_;
};

// As linear, with log b = .7 (rho z + sqrt(1 - rho^2) e), z = (u + 3.6) / sqrt(.36 + 1) the standardised logit.
class CorrelatedBids final : public Linear {
 public:
  CorrelatedBids(uint64_t seed, double rho) : Linear(seed), rho_(rho) {}

 private:
  double LogBid(RandomStream& random, double logit) const override {
    return .7 * (rho_ * logit / std::sqrt(.36 + 1) + std::sqrt(1 - rho_ * rho_) * random.Normal());
  }

  const double rho_;
};

// As linear, with b ~ Pareto(alpha): P(b > t) = (t0 / t)^alpha for t >= t0, whose median is 1: t0 = 2^(-1 / alpha).
class HeavyTail final : public Linear {
 public:
  HeavyTail(uint64_t seed, double shape) : Linear(seed), shape_(shape) {}

 private:
  double LogBid(RandomStream& random, double) const override {
    return -(std::numbers::ln2 + std::log(random.Uniform())) / shape_;
  }

  const double shape_;
};

// As linear, with w0 turning towards w1 and on: cos(th) w0 + sin(th) w1, th = 2 pi index / drift_period.
class Drift final : public Linear {
 public:
  Drift(uint64_t seed, int64_t period) : Linear(seed), period_(period) {}

  void Draw(RandomStream& random, SyntheticAuction* a) const override {
    const double turn = static_cast<double>(a->index % period_) / static_cast<double>(period_);
    const double th = 2 * std::numbers::pi * turn, cos = std::cos(th), sin = std::sin(th);
    Vector<8> weights;
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = cos * w0_[i] + sin * w1_[i];
    DrawWith(random, weights, a);
  }

 private:
  const int64_t period_;
};

}  // namespace

MadeScenario MakeLinear(const MarketConfig&, uint64_t seed) { return std::make_unique<Linear>(seed); }

MadeScenario MakeCorrelatedBids(const MarketConfig& config, uint64_t seed) {
  return std::make_unique<CorrelatedBids>(seed, config.has_correlation() ? config.correlation() : .7);
}

MadeScenario MakeHeavyTail(const MarketConfig& config, uint64_t seed) {
  return std::make_unique<HeavyTail>(seed, config.has_pareto_shape() ? config.pareto_shape() : 1.5);
}

MadeScenario MakeDrift(const MarketConfig& config, uint64_t seed) {
  return std::make_unique<Drift>(seed, config.has_drift_period() ? config.drift_period() : 400'000);
}

}  // namespace vickrey::market
