// Synthetic markets: auctions of which the true click probabilities are known.
#ifndef VICKREY_MARKET_MARKET_H_
#define VICKREY_MARKET_MARKET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/market.pb.h"
#include "vickrey/market/extra.h"
#include "vickrey/market/scenario.h"
#include "vickrey/v1/features.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::market {

// A market: every auction is a function of (configuration, seed, index), whatever the order, threads or shards.
//
// Immutable, so thread-safe.
class Market {
 public:
  // `config` is finished first (defaults, rules). INVALID_ARGUMENT names the field.
  static absl::StatusOr<std::unique_ptr<Market>> Create(vickrey::config::v1::MarketConfig config, uint64_t seed);

  // Makes `auction` the auction of that index; allocates nothing once its arrays have grown. REQUIRES: index >= 0.
  void Generate(int64_t index, SyntheticAuction* auction) const;
  // The same as a line of JSON: named features of schema(), ctr and click of every candidate.
  vickrey::v1::AuctionLine ToLine(const SyntheticAuction& auction) const;
  vickrey::v1::AuctionLine GenerateLine(int64_t index) const;

  const vickrey::config::v1::MarketConfig& config() const { return config_; }
  // The fields of the features: the scenario's preset, and the extra ones behind it.
  const vickrey::v1::FeatureSchema& schema() const { return schema_; }
  double intercept() const { return intercept_; }

  // What the values of a SyntheticAuction are called: context, dense and categories, in their order; beside them the
  // features `segment` and `ad`, where the scenario has them.
  const std::vector<std::string>& context_names() const { return context_names_; }
  const std::vector<std::string>& dense_names() const { return dense_names_; }
  const std::vector<std::string>& categorical_names() const { return categorical_names_; }
  const Shape& shape() const { return scenario_->shape(); }

  // The auction's id.
  std::string IdOf(int64_t index) const;

 private:
  Market(vickrey::config::v1::MarketConfig config, uint64_t seed, std::unique_ptr<const Scenario> scenario,
         std::optional<Extra> extra)
      : config_(std::move(config)), seed_(seed), scenario_(std::move(scenario)), extra_(std::move(extra)) {}

  absl::Status MakeSchema();
  Sizes sizes() const;
  double SolveIntercept(double mean_ctr) const;

  const vickrey::config::v1::MarketConfig config_;
  const uint64_t seed_;
  const std::unique_ptr<const Scenario> scenario_;
  const std::optional<Extra> extra_;
  vickrey::v1::FeatureSchema schema_;
  std::vector<std::string> context_names_, dense_names_, categorical_names_;
  double intercept_ = 0;
};

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_MARKET_H_
