// The laws of the scenarios. In all of them x_c ~ N(0, I_4) is shared by an auction, x_a ~ N(0, I_8) is an ad's own,
// e ~ N(0, 1) a candidate's, and w, w0, w1 are random unit vectors, w1 orthogonal to w0.
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/market/market.h"

namespace vickrey::market {
namespace {

using base::RandomStream;

template <size_t N>
double Dot(const std::array<double, N>& a, const std::array<double, N>& b) {
  double sum = 0;
  for (size_t i = 0; i < N; ++i) sum += a[i] * b[i];
  return sum;
}

template <size_t N>
std::array<double, N> Scaled(std::array<double, N> v, double factor) {
  for (double& x : v) x *= factor;
  return v;
}

template <size_t N>
std::array<double, N> NormalVector(RandomStream& random) {
  std::array<double, N> v;
  for (double& x : v) x = random.Normal();
  return v;
}

template <size_t N>
std::array<double, N> UnitVector(RandomStream& random) {
  const auto v = NormalVector<N>(random);
  return Scaled(v, 1 / std::sqrt(Dot(v, v)));
}

// A random unit vector orthogonal to the unit vector `other`.
template <size_t N>
std::array<double, N> UnitVectorAcross(const std::array<double, N>& other, RandomStream& random) {
  auto v = NormalVector<N>(random);
  const double along = Dot(v, other);
  for (size_t i = 0; i < N; ++i) v[i] -= along * other[i];
  return Scaled(v, 1 / std::sqrt(Dot(v, v)));
}

RandomStream Weights(uint64_t seed) { return {seed, base::StreamId("market.weights"), 0}; }

// u = -3.6 + .6 w.x_c + 1.0 w0.x_a ; log b = .7 e
class Linear final : public Scenario {
 public:
  explicit Linear(uint64_t seed) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<kContextWidth>(random);
    w0_ = UnitVector<kAdWidth>(random);
  }
  double intercept() const override { return -3.6; }
  Draw Evaluate(const Context& context, const SyntheticCandidate& c, double e) const override {
    return {.6 * Dot(w_, context) + Dot(w0_, c.x), .7 * e};
  }

 private:
  Context w_;
  Ad w0_;
};

// z ~ Bernoulli(.2); u = -3.6 + .6 w.x_c + 1.2 (z ? w1 : w0).x_a ; log b = 1.5 z + .5 e + tier
class TwoSegments final : public Scenario {
 public:
  explicit TwoSegments(uint64_t seed) {
    RandomStream random = Weights(seed);
    w_ = UnitVector<kContextWidth>(random);
    w0_ = UnitVector<kAdWidth>(random);
    w1_ = UnitVectorAcross(w0_, random);
  }
  double intercept() const override { return -3.6; }
  double segment_share() const override { return .2; }
  double tier() const override { return 1; }
  Draw Evaluate(const Context& context, const SyntheticCandidate& c, double e) const override {
    return {.6 * Dot(w_, context) + 1.2 * Dot(c.segment ? w1_ : w0_, c.x), (c.segment ? 1.5 : 0) + .5 * e};
  }

 private:
  Context w_;
  Ad w0_, w1_;
};

// u = -3.6 + 1.5 tanh(c1.sin(1.5 C x_c)) + .6 w.x_a + 1.2 tanh(w2.sin(W1 [x_c, x_a])) ; log b = 1.0 e.
// C and W1 have 16 rows of normal entries, divided by the square root of their width, W1's times 1.5; c1 and w2 have
// normal entries times 2 / sqrt(16), which keeps tanh in its bent part.
class Interaction final : public Scenario {
 public:
  explicit Interaction(uint64_t seed) {
    RandomStream random = Weights(seed);
    for (auto& row : c_) row = Scaled(NormalVector<kContextWidth>(random), 1 / std::sqrt(kContextWidth));
    c1_ = Scaled(NormalVector<kRows>(random), 2 / std::sqrt(kRows));
    w_ = UnitVector<kAdWidth>(random);
    for (auto& row : w1_) row = Scaled(NormalVector<kBoth>(random), 1.5 / std::sqrt(kBoth));
    w2_ = Scaled(NormalVector<kRows>(random), 2 / std::sqrt(kRows));
  }
  double intercept() const override { return -3.6; }
  Draw Evaluate(const Context& context, const SyntheticCandidate& c, double e) const override {
    std::array<double, kBoth> both;
    for (int i = 0; i < kContextWidth; ++i) both[i] = context[i];
    for (int i = 0; i < kAdWidth; ++i) both[kContextWidth + i] = c.x[i];
    double of_context = 0, of_both = 0;
    for (int k = 0; k < kRows; ++k) {
      of_context += c1_[k] * std::sin(1.5 * Dot(c_[k], context));
      of_both += w2_[k] * std::sin(Dot(w1_[k], both));
    }
    return {1.5 * std::tanh(of_context) + .6 * Dot(w_, c.x) + 1.2 * std::tanh(of_both), e};
  }

 private:
  static constexpr int kRows = 16;
  static constexpr int kBoth = kContextWidth + kAdWidth;
  std::array<Context, kRows> c_;
  std::array<double, kRows> c1_;
  Ad w_;
  std::array<std::array<double, kBoth>, kRows> w1_;
  std::array<double, kRows> w2_;
};

template <typename T>
std::unique_ptr<const Scenario> Make(uint64_t seed) {
  return std::make_unique<T>(seed);
}

struct Entry {
  ScenarioInfo info;
  std::unique_ptr<const Scenario> (*make)(uint64_t);
};

// A new one is also named in the `one_of` of MarketConfig.scenario.
constexpr Entry kScenarios[] = {
    {{"linear", "a logistic model of the features is the truth: the control, where nothing can be gained"},
     &Make<Linear>},
    {{"two_segments", "a fifth of the ads bids 4.5 times as much and is clicked for other reasons"},
     &Make<TwoSegments>},
    {{"interaction", "a smooth non-linear truth; bids are unrelated to it"}, &Make<Interaction>},
};

}  // namespace

std::vector<ScenarioInfo> ListScenarios() {
  std::vector<ScenarioInfo> infos;
  for (const Entry& entry : kScenarios) infos.push_back(entry.info);
  return infos;
}

absl::StatusOr<std::unique_ptr<const Scenario>> MakeScenario(std::string_view name, uint64_t seed) {
  std::string known;
  for (const Entry& entry : kScenarios) {
    if (entry.info.name == name) return entry.make(seed);
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.info.name));
  }
  return base::InvalidField("scenario", absl::StrCat("'", std::string(name), "' is not known; known: ", known));
}

}  // namespace vickrey::market
