// The laws of synthetic markets.
#ifndef VICKREY_MARKET_SCENARIO_H_
#define VICKREY_MARKET_SCENARIO_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/base/random.h"
#include "vickrey/config/v1/market.pb.h"

namespace vickrey::market {

// One auction, as flat arrays whose memory is kept from one to the next.
struct SyntheticAuction {
  int64_t index = 0;
  int candidates = 0;                // n
  std::vector<double> context;       // (context width)
  std::vector<double> dense;         // (n x dense width): the scenario's own, then the extra ones
  std::vector<int32_t> categories;   // (n x categorical width): the value's number
  std::vector<uint8_t> segments;     // (n) whether of the market's second population; 0 where it has one only
  std::vector<int32_t> ads;          // (n) the ad's number; the candidate's where ads do not come back
  std::vector<int64_t> bids_micros;  // (n) per click
  std::vector<double> ctrs;          // (n) the truth
  std::vector<uint8_t> clicks;       // (n) drawn from it
  // What they were made of: (n) logits without the intercept, natural logarithms of bids in units of the currency.
  std::vector<double> logits, log_bids;
  std::vector<uint8_t> drawn;  // (ads) marks of those drawn, where none comes twice; all 0 between auctions
};

// How many candidates an auction has: uniform in least .. most.
struct Sizes {
  int least = 1, most = 1;

  double mean() const { return (least + most) / 2.0; }
  int Draw(base::RandomStream& random) const {
    return least == most ? least : least + static_cast<int>(random.Below(static_cast<uint64_t>(most - least) + 1));
  }
};

// One part of a mixture of normal laws.
struct NormalPart {
  double mean = 0, variance = 0;
  double weight = 1;  // the weights of a mixture need not sum to 1
};

// What an auction of a scenario looks like.
struct Shape {
  int context_width = 4;
  int dense_width = 8;       // of each ad
  bool has_segment = false;  // a field of the schema, as 0 and 1
  bool has_ad = false;       // the ad itself is the feature, by its name
  std::string_view schema;   // a preset
  double intercept = -3.6;
};

// That of most.
inline constexpr Shape kSynthetic{.has_segment = true, .schema = "synthetic"};

// What a user is told of a scenario.
struct ScenarioInfo {
  std::string_view name;
  std::string_view summary;                  // what is special about it
  std::string_view formula;                  // its law, as written in the class
  std::string_view student;                  // the student that goes with it
  std::vector<std::string_view> parameters;  // fields of MarketConfig that only it has
};

// The law of a scenario, its weights drawn from the seed. Immutable, so thread-safe.
class Scenario {
 public:
  virtual ~Scenario() = default;

  const Shape& shape() const { return shape_; }

  // Draws the features of `auction`, whose index and candidates are set and whose arrays have their sizes, and computes
  // logits and log bids. Features are rounded to four decimals first, so that a log holds all that the truth is made
  // of.
  virtual void Draw(base::RandomStream& random, SyntheticAuction* auction) const = 0;

  // The law of those logits over all candidates of all auctions, as a mixture of normal laws: what an intercept is
  // solved with. Exact where it follows from the formula (but for the rounding, 10^-4 of a deviation); otherwise a
  // sample of what the formula is normal given, whose mean click probability is off by some .2 % of itself.
  virtual std::vector<NormalPart> LogitLaw(const Sizes& sizes, base::RandomStream& random) const = 0;

 protected:
  explicit Scenario(Shape shape) : shape_(shape) {}

 private:
  const Shape shape_;
};

// Every scenario, in the order of the documentation.
std::vector<ScenarioInfo> ListScenarios();

// INVALID_ARGUMENT naming the field: a scenario that is not known (the message lists those that are), a parameter that
// belongs to another one or does not fit. REQUIRES: a finished configuration.
absl::StatusOr<std::unique_ptr<const Scenario>> MakeScenario(const vickrey::config::v1::MarketConfig& config,
                                                             uint64_t seed);

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_SCENARIO_H_
