// Synthetic markets: auctions of which the true click probabilities are known.
#ifndef VICKREY_MARKET_MARKET_H_
#define VICKREY_MARKET_MARKET_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/market.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::market {

inline constexpr int kContextWidth = 4;
inline constexpr int kAdWidth = 8;

using Context = std::array<double, kContextWidth>;
using Ad = std::array<double, kAdWidth>;

// One ad in one auction.
struct SyntheticCandidate {
  Ad x = {};
  bool segment = false;    // the market's second population (premium, brand); false where it has one only
  int64_t bid_micros = 0;  // per click
  double ctr = 0;          // the truth
  bool click = false;      // drawn from it
};

struct SyntheticAuction {
  int64_t index = 0;
  Context x = {};
  std::vector<SyntheticCandidate> candidates;
};

// What a scenario makes of what was drawn for a candidate.
struct Draw {
  double logit = 0;    // of the true click probability, without the intercept
  double log_bid = 0;  // natural logarithm of the bid in units of the currency
};

// The law of a scenario, its weights drawn from the seed. Immutable.
class Scenario {
 public:
  virtual ~Scenario() = default;
  virtual double intercept() const = 0;
  virtual double segment_share() const { return 0; }  // the probability of SyntheticCandidate::segment
  virtual double tier() const { return 0; }           // deviation of a factor on log bid that an auction's ads share
  // `e` is the candidate's own standard normal draw.
  virtual Draw Evaluate(const Context& context, const SyntheticCandidate& candidate, double e) const = 0;
};

// A market: every auction is a function of (configuration, seed, index), whatever the order, threads or shards.
//
// Features are rounded to four decimals before the truth is computed from them, so that a log holds all of it.
// Immutable, so thread-safe.
class Market {
 public:
  // `config` is finished first (defaults, rules). INVALID_ARGUMENT names the field.
  static absl::StatusOr<std::unique_ptr<Market>> Create(vickrey::config::v1::MarketConfig config, uint64_t seed);

  // REQUIRES: index >= 0.
  SyntheticAuction Generate(int64_t index) const;
  // The same as a line of JSON: named features of the preset schema "synthetic", ctr and click of every candidate.
  vickrey::v1::AuctionLine ToLine(const SyntheticAuction& auction) const;

  const vickrey::config::v1::MarketConfig& config() const { return config_; }

 private:
  Market(vickrey::config::v1::MarketConfig config, uint64_t seed, std::unique_ptr<const Scenario> scenario);
  double SolveIntercept(double mean_ctr) const;

  const vickrey::config::v1::MarketConfig config_;
  const uint64_t seed_;
  const std::unique_ptr<const Scenario> scenario_;
  const std::string schema_id_;
  double intercept_ = 0;
};

// The names of the scenarios with what is special about each.
struct ScenarioInfo {
  std::string_view name;
  std::string_view summary;
};
std::vector<ScenarioInfo> ListScenarios();

// INVALID_ARGUMENT listing the known names for any other.
absl::StatusOr<std::unique_ptr<const Scenario>> MakeScenario(std::string_view name, uint64_t seed);

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_MARKET_H_
