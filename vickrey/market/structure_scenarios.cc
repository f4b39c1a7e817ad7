#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/market/alias.h"
#include "vickrey/market/scenarios.h"
#include "vickrey/market/vectors.h"

namespace vickrey::market {
namespace {

using base::RandomStream;
using vickrey::config::v1::MarketConfig;

// x_c in R^8; u = -3.9 + 1.0 w.x_c + .5 w'.x_a + 6^-.5 sum_{k<6} (a_k.x_c)(b_k.x_a) ; log b = .7 e
class ThinTower final : public Scenario {
 public:
  explicit ThinTower(uint64_t seed) : Scenario({.context_width = 8, .schema = "synthetic_tower", .intercept = -3.9}) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<8>(random);
    of_ad_ = UnitVector<8>(random);
    for (auto& a : a_) a = UnitVector<8>(random);
    for (auto& b : b_) b = UnitVector<8>(random);
  }

  void Draw(RandomStream& random, SyntheticAuction* auction) const override {
    DrawRounded(random, auction->context.begin(), auction->context.end());
    const double of_context = Dot(w_, auction->context.data());
    const Vector<8> weights = AdWeights(auction->context.data());
    const size_t width = auction->dense.size() / auction->candidates;
    for (int i = 0; i < auction->candidates; ++i) {
      double* const x = auction->dense.data() + i * width;
      DrawRounded(random, x, x + 8);
      auction->logits[i] = of_context + Dot(weights, x);
      auction->log_bids[i] = .7 * random.Normal();
    }
  }

  // Normal, given the context: of mean w.x_c and the squared length of the ad's weights as variance. Few contexts far
  // out have most of the clicks where these are rare.
  std::vector<NormalPart> LogitLaw(const Sizes&, RandomStream& random) const override {
    constexpr int kContexts = 1'000'000;
    std::vector<NormalPart> parts(kContexts);
    for (NormalPart& part : parts) {
      const auto context = NormalVector<8>(random);
      const Vector<8> weights = AdWeights(context.data());
      part = {Dot(w_, context.data()), Dot(weights, weights.data())};
    }
    return parts;
  }

 private:
  static constexpr int kRank = 6;

  // All that an ad is weighed by in a context, as one vector: .5 w' + 6^-.5 sum (a_k.x_c) b_k.
  Vector<8> AdWeights(const double* context) const {
    Vector<8> weights = Scaled(of_ad_, .5);
    for (int k = 0; k < kRank; ++k) {
      const double factor = Dot(a_[k], context) / std::sqrt(static_cast<double>(kRank));
      for (size_t i = 0; i < weights.size(); ++i) weights[i] += factor * b_[k][i];
    }
    return weights;
  }

  Vector<8> w_, of_ad_;
  std::array<Vector<8>, kRank> a_, b_;
};

// `ads` ads, traffic ~ 1 / (rank + 10), no ad twice in an auction; quality q_a, bid level m_a ~ N(0, 1), taste t_a ~
// N(0, I_4) / 2; u = -3.6 + .6 w.x_c + q_a + .6 t_a.x_c ; log b = m_a + .3 e. The ad's name is its only feature, in 64
// buckets of the schema.
class HashCollisions final : public Scenario {
 public:
  HashCollisions(uint64_t seed, int ads)
      : Scenario({.dense_width = 0, .has_ad = true, .schema = "synthetic_ads"}), traffic_(TrafficOf(ads)), ads_(ads) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<4>(random);
    for (Ad& ad : ads_) {
      ad.quality = random.Normal();
      ad.level = random.Normal();
      ad.taste = Scaled(NormalVector<4>(random), .5);
    }
  }

  void Draw(RandomStream& random, SyntheticAuction* a) const override {
    DrawRounded(random, a->context.begin(), a->context.end());
    const double of_context = .6 * Dot(w_, a->context.data());
    a->drawn.resize(ads_.size());
    for (int i = 0; i < a->candidates; ++i) {
      a->ads[i] = DrawOther(random, &a->drawn);
      const Ad& ad = ads_[a->ads[i]];
      a->logits[i] = of_context + ad.quality + .6 * Dot(ad.taste, a->context.data());
      a->log_bids[i] = ad.level + .3 * random.Normal();
    }
    for (const int32_t ad : a->ads) a->drawn[ad] = 0;
  }

  // Normal, given the ad: of mean q_a and variance .36 |w + t_a|^2. How often an ad takes part is counted, since no ad
  // comes twice in an auction.
  std::vector<NormalPart> LogitLaw(const Sizes& sizes, RandomStream& random) const override {
    constexpr int64_t kRows = 2'000'000;
    std::vector<NormalPart> parts(ads_.size());
    for (size_t i = 0; i < ads_.size(); ++i) {
      Vector<4> slope = ads_[i].taste;
      for (size_t j = 0; j < slope.size(); ++j) slope[j] += w_[j];
      parts[i] = {ads_[i].quality, .36 * Dot(slope, slope.data()), 0};
    }
    std::vector<uint8_t> drawn(ads_.size());
    std::vector<int32_t> ads;
    for (int64_t rows = 0; rows < kRows; rows += std::ssize(ads)) {
      ads.resize(sizes.Draw(random));
      for (int32_t& ad : ads) ++parts[ad = DrawOther(random, &drawn)].weight;
      for (const int32_t ad : ads) drawn[ad] = 0;
    }
    return parts;
  }

 private:
  struct Ad {
    double quality, level;
    Vector<4> taste;
  };

  static std::vector<double> TrafficOf(int ads) {
    std::vector<double> weights(ads);
    for (int rank = 0; rank < ads; ++rank) weights[rank] = 1.0 / (rank + 10);
    return weights;
  }

  // An ad that is not marked as drawn, which marks it.
  int32_t DrawOther(RandomStream& random, std::vector<uint8_t>* drawn) const {
    while (true) {
      const int32_t ad = traffic_.Draw(random);
      if (std::exchange((*drawn)[ad], 1) == 0) return ad;
    }
  }

  const AliasTable traffic_;
  std::vector<Ad> ads_;
  Vector<4> w_;
};

// u = -3.6 + 1.5 tanh(c1.sin(1.5 C x_c)) + .6 w.x_a + 1.2 tanh(w2.sin(W1 [x_c, x_a])) ; log b = 1.0 e.
// C and W1 have 16 rows of normal entries, divided by the square root of their width, W1's times 1.5; c1 and w2 have
// normal entries times 2 / sqrt(16), which keeps tanh in its bent part.
class Interaction final : public Scenario {
 public:
  explicit Interaction(uint64_t seed) : Scenario({.has_segment = true, .schema = "synthetic"}) {
    RandomStream random = Weights(seed);
    for (auto& row : c_) row = Scaled(NormalVector<4>(random), 1 / std::sqrt(4.0));
    c1_ = Scaled(NormalVector<kRows>(random), 2 / std::sqrt(static_cast<double>(kRows)));
    w_ = UnitVector<8>(random);
    for (auto& row : w1_) row = Scaled(NormalVector<12>(random), 1.5 / std::sqrt(12.0));
    w2_ = Scaled(NormalVector<kRows>(random), 2 / std::sqrt(static_cast<double>(kRows)));
  }

  void Draw(RandomStream& random, SyntheticAuction* a) const override {
    DrawRounded(random, a->context.begin(), a->context.end());
    Vector<12> both;
    std::copy(a->context.begin(), a->context.end(), both.begin());
    const double of_context = OfContext(both.data());
    const size_t width = a->dense.size() / a->candidates;
    for (int i = 0; i < a->candidates; ++i) {
      double* const x = a->dense.data() + i * width;
      DrawRounded(random, x, x + 8);
      std::copy(x, x + 8, both.begin() + 4);
      a->logits[i] = Logit(of_context, both);
      a->log_bids[i] = random.Normal();
    }
  }

  // Normal given nothing that is less than all of it: a sample.
  std::vector<NormalPart> LogitLaw(const Sizes&, RandomStream& random) const override {
    constexpr int kCandidates = 400'000;
    std::vector<NormalPart> parts(kCandidates);
    for (NormalPart& part : parts) {
      const auto both = NormalVector<12>(random);
      part.mean = Logit(OfContext(both.data()), both);
    }
    return parts;
  }

 private:
  static constexpr int kRows = 16;

  double OfContext(const double* context) const {
    double bend = 0;
    for (int k = 0; k < kRows; ++k) bend += c1_[k] * std::sin(1.5 * Dot(c_[k], context));
    return 1.5 * std::tanh(bend);
  }

  // both: (12) x_c, x_a.
  double Logit(double of_context, const Vector<12>& both) const {
    double bend = 0;
    for (int k = 0; k < kRows; ++k) bend += w2_[k] * std::sin(Dot(w1_[k], both.data()));
    return of_context + .6 * Dot(w_, both.data() + 4) + 1.2 * std::tanh(bend);
  }

  std::array<Vector<4>, kRows> c_;
  Vector<kRows> c1_, w2_;
  Vector<8> w_;
  std::array<Vector<12>, kRows> w1_;
};

}  // namespace

MadeScenario MakeThinTower(const MarketConfig&, uint64_t seed) { return std::make_unique<ThinTower>(seed); }

MadeScenario MakeHashCollisions(const MarketConfig& config, uint64_t seed) {
  constexpr int kAds = 2000;
  const int ads = config.has_ads() ? config.ads() : kAds;
  const int most = std::max(config.candidates(), config.max_candidates());
  if (most > ads / 2) {
    return base::InvalidField(
        "ads", absl::StrCat(ads, " are too few for auctions of ", most,
                            " candidates, of which none comes twice; at least twice as many are needed"));
  }
  return std::make_unique<HashCollisions>(seed, ads);
}

MadeScenario MakeInteraction(const MarketConfig&, uint64_t seed) { return std::make_unique<Interaction>(seed); }

}  // namespace vickrey::market
