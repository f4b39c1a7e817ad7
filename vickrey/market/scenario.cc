#include "vickrey/market/scenario.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/market/scenarios.h"

namespace vickrey::market {
namespace {

using vickrey::config::v1::MarketConfig;

struct Entry {
  ScenarioInfo info;
  MadeScenario (*make)(const MarketConfig& config, uint64_t seed);
};

// A new one is also named in the `one_of` of MarketConfig.scenario.
const std::vector<Entry>& Entries() {
  static const auto& entries = *new std::vector<Entry>{
      {{"linear",
        "a logistic model of the features is the truth: the control, where nothing can be gained",
        "u = -3.6 + .6 w.x_c + 1.0 w0.x_a ; log b = .7 e",
        "logistic: the truth",
        {}},
       &MakeLinear},
      {{"two_segments",
        "a fifth of the ads bids 4.5 times as much and is clicked for other reasons",
        "z ~ Bernoulli(.2); u = -3.6 + .6 w.x_c + 1.2 (z ? w1 : w0).x_a ; log b = 1.5 z + .5 e + g",
        "logistic: it has one slope for both segments",
        {}},
       &MakeTwoSegments},
      {{"brand_queries",
        "three auctions of ten have a brand's ad, whose huge CTR is never in doubt but owns the log loss",
        "brand (candidate 0, with probability .3): u = -.8 + .6 w.x_c + 1.5 w1.x_a; others: u = -3.8 + .6 w.x_c + "
        "1.0 w0.x_a ; log b = .5 e + g",
        "logistic: it has one slope for brands and others",
        {}},
       &MakeBrandQueries},
      {{"intent_bids",
        "bids follow an intent feature that also turns what an ad is clicked for, as in retargeting",
        "h = x_a0, th = .8 clamp(h, -2, 2); u = -3.6 + .6 w.x_c + cos(th) w0.x_a' + sin(th) w1.x_a' ; log b = .8 h + "
        ".5 e",
        "logistic: it has one slope for every intent",
        {}},
       &MakeIntentBids},
      {{"thin_tower",
        "a dot product of contexts and ads of rank six, for a tower that is thinner",
        "x_c in R^8; u = -3.9 + 1.0 w.x_c + .5 w'.x_a + 6^-.5 sum_{k<6} (a_k.x_c)(b_k.x_a) ; log b = .7 e",
        "logistic, or a tower of rank one (a bias of the context is the cheaper cure)",
        {}},
       &MakeThinTower},
      {{"hash_collisions",
        "thousands of ads share 64 buckets, which mix rich and poor ones",
        "traffic ~ 1 / (rank + 10); u = -3.6 + .6 w.x_c + q_a + .6 t_a.x_c ; log b = m_a + .3 e",
        "logistic: a number for each bucket",
        {"ads"}},
       &MakeHashCollisions},
      {{"interaction",
        "a smooth non-linear truth; bids are unrelated to it",
        "u = -3.6 + 1.5 tanh(c1.sin(1.5 C x_c)) + .6 w.x_a + 1.2 tanh(w2.sin(W1 [x_c, x_a])) ; log b = 1.0 e",
        "mlp with 4 or 8 hidden units",
        {}},
       &MakeInteraction},
      {{"correlated_bids",
        "linear, with bids that rise (or fall) with the logit",
        "u as in linear; log b = .7 (rho z + sqrt(1 - rho^2) e), z the standardised logit",
        "logistic: the truth",
        {"correlation"}},
       &MakeCorrelatedBids},
      {{"heavy_tail",
        "linear, with bids of a Pareto distribution of median 1",
        "u as in linear; P(b > t) = (t0 / t)^alpha, t0 = 2^(-1 / alpha)",
        "logistic: the truth",
        {"pareto_shape"}},
       &MakeHeavyTail},
      {{"drift",
        "linear, with what an ad is clicked for turning in time",
        "u = -3.6 + .6 w.x_c + (cos(th) w0 + sin(th) w1).x_a, th = 2 pi index / drift_period ; log b = .7 e",
        "logistic: the truth of one moment",
        {"drift_period"}},
       &MakeDrift},
  };
  return entries;
}

// INVALID_ARGUMENT for a parameter that is set and belongs to another scenario.
absl::Status CheckParameters(const MarketConfig& config) {
  const std::pair<std::string_view, bool> set[] = {{"ads", config.has_ads()},
                                                   {"correlation", config.has_correlation()},
                                                   {"pareto_shape", config.has_pareto_shape()},
                                                   {"drift_period", config.has_drift_period()}};
  for (const Entry& entry : Entries()) {
    if (entry.info.name == config.scenario()) continue;
    for (const std::string_view parameter : entry.info.parameters) {
      for (const auto& [name, is_set] : set) {
        if (!is_set || name != parameter) continue;
        return base::InvalidField(parameter, absl::StrCat("belongs to the scenario '", std::string(entry.info.name),
                                                          "', and this is '", config.scenario(), "'"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<ScenarioInfo> ListScenarios() {
  std::vector<ScenarioInfo> infos;
  for (const Entry& entry : Entries()) infos.push_back(entry.info);
  return infos;
}

absl::StatusOr<std::unique_ptr<const Scenario>> MakeScenario(const MarketConfig& config, uint64_t seed) {
  std::string known;
  for (const Entry& entry : Entries()) {
    if (entry.info.name == config.scenario()) {
      RETURN_IF_ERROR(CheckParameters(config));
      return entry.make(config, seed);
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.info.name));
  }
  return base::InvalidField("scenario", absl::StrCat("'", config.scenario(), "' is not known; known: ", known));
}

}  // namespace vickrey::market
