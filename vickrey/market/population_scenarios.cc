#include <algorithm>
#include <cmath>
#include <vector>

#include "vickrey/market/scenarios.h"
#include "vickrey/market/vectors.h"

namespace vickrey::market {
namespace {

using base::RandomStream;
using vickrey::config::v1::MarketConfig;

// z ~ Bernoulli(.2); u = -3.6 + .6 w.x_c + 1.2 (z ? w1 : w0).x_a ; log b = 1.5 z + .5 e + g
class TwoSegments final : public Scenario {
 public:
  explicit TwoSegments(uint64_t seed) : Scenario(kSynthetic) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<4>(random);
    w0_ = UnitVector<8>(random);
    w1_ = UnitVectorAcross(w0_, random);
  }

  void Draw(RandomStream& random, SyntheticAuction* a) const override {
    DrawRounded(random, a->context.begin(), a->context.end());
    const double of_context = .6 * Dot(w_, a->context.data()), tier = random.Normal();
    const size_t width = a->dense.size() / a->candidates;
    for (int i = 0; i < a->candidates; ++i) {
      double* const x = a->dense.data() + i * width;
      DrawRounded(random, x, x + 8);
      const bool premium = random.Bernoulli(.2);
      a->segments[i] = premium;
      a->logits[i] = of_context + 1.2 * Dot(premium ? w1_ : w0_, x);
      a->log_bids[i] = (premium ? 1.5 : 0) + .5 * random.Normal() + tier;
    }
  }

  // In either segment a sum of two independent normal numbers.
  std::vector<NormalPart> LogitLaw(const Sizes&, RandomStream&) const override { return {{0, .36 + 1.44}}; }

 private:
  Vector<4> w_;
  Vector<8> w0_, w1_;
};

// With probability .3 candidate 0 is a brand's ad (z = 1): u = -.8 + .6 w.x_c + 1.5 w1.x_a; all others u = -3.8 +
// .6 w.x_c + 1.0 w0.x_a ; log b = .5 e + g
class BrandQueries final : public Scenario {
 public:
  explicit BrandQueries(uint64_t seed) : Scenario({.has_segment = true, .schema = "synthetic", .intercept = -3.8}) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<4>(random);
    w0_ = UnitVector<8>(random);
    w1_ = UnitVectorAcross(w0_, random);
  }

  void Draw(RandomStream& random, SyntheticAuction* a) const override {
    DrawRounded(random, a->context.begin(), a->context.end());
    const double of_context = .6 * Dot(w_, a->context.data()), tier = random.Normal();
    const bool has_brand = random.Bernoulli(.3);
    const size_t width = a->dense.size() / a->candidates;
    for (int i = 0; i < a->candidates; ++i) {
      double* const x = a->dense.data() + i * width;
      DrawRounded(random, x, x + 8);
      const bool brand = has_brand && i == 0;
      a->segments[i] = brand;
      a->logits[i] = of_context + (brand ? 3.0 + 1.5 * Dot(w1_, x) : Dot(w0_, x));
      a->log_bids[i] = .5 * random.Normal() + tier;
    }
  }

  // Of the candidates of an auction .3 are a brand's on average.
  std::vector<NormalPart> LogitLaw(const Sizes& sizes, RandomStream&) const override {
    return {{3.0, .36 + 2.25, .3}, {0, .36 + 1, sizes.mean() - .3}};
  }

 private:
  Vector<4> w_;
  Vector<8> w0_, w1_;
};

// h = x_a0, th = .8 clamp(h, -2, 2), x_a' the other seven; u = -3.6 + .6 w.x_c + cos(th) w0.x_a' + sin(th) w1.x_a' ;
// log b = .8 h + .5 e
class IntentBids final : public Scenario {
 public:
  explicit IntentBids(uint64_t seed) : Scenario(kSynthetic) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<4>(random);
    w0_ = UnitVector<7>(random);
    w1_ = UnitVectorAcross(w0_, random);
  }

  void Draw(RandomStream& random, SyntheticAuction* a) const override {
    DrawRounded(random, a->context.begin(), a->context.end());
    const double of_context = .6 * Dot(w_, a->context.data());
    const size_t width = a->dense.size() / a->candidates;
    for (int i = 0; i < a->candidates; ++i) {
      double* const x = a->dense.data() + i * width;
      DrawRounded(random, x, x + 8);
      const double th = .8 * std::clamp(x[0], -2.0, 2.0);
      a->logits[i] = of_context + std::cos(th) * Dot(w0_, x + 1) + std::sin(th) * Dot(w1_, x + 1);
      a->log_bids[i] = .8 * x[0] + .5 * random.Normal();
    }
  }

  // Given h, cos(th) w0 + sin(th) w1 is a unit vector.
  std::vector<NormalPart> LogitLaw(const Sizes&, RandomStream&) const override { return {{0, .36 + 1}}; }

 private:
  Vector<4> w_;
  Vector<7> w0_, w1_;
};

}  // namespace

MadeScenario MakeTwoSegments(const MarketConfig&, uint64_t seed) { return std::make_unique<TwoSegments>(seed); }
MadeScenario MakeBrandQueries(const MarketConfig&, uint64_t seed) { return std::make_unique<BrandQueries>(seed); }
MadeScenario MakeIntentBids(const MarketConfig&, uint64_t seed) { return std::make_unique<IntentBids>(seed); }

}  // namespace vickrey::market
