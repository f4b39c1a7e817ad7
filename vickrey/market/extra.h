#ifndef VICKREY_MARKET_EXTRA_H_
#define VICKREY_MARKET_EXTRA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/base/random.h"
#include "vickrey/config/v1/market.pb.h"
#include "vickrey/market/alias.h"
#include "vickrey/market/scenario.h"

namespace vickrey::market {

// Features of ads beside a scenario's own: ExtraFeatures of market.proto has the formula. Immutable, so thread-safe.
class Extra {
 public:
  // INVALID_ARGUMENT naming the field. REQUIRES: a finished configuration.
  static absl::StatusOr<std::optional<Extra>> Create(const vickrey::config::v1::ExtraFeatures& config, uint64_t seed);

  int dense() const { return static_cast<int>(weights_.size()); }
  int categorical() const { return categorical_; }

  // Draws them behind the first `own` dense features of each candidate, and adds what they do to the logits.
  void Draw(int own, base::RandomStream& random, SyntheticAuction* auction) const;

  // The law of what Draw adds to a logit: normal given the names, of which it draws the mean. Of more than 16 names the
  // others are taken as a normal sum, of their exact mean and variance.
  NormalPart DrawLaw(base::RandomStream& random) const;

 private:
  Extra(const vickrey::config::v1::ExtraFeatures& config, uint64_t seed);

  std::vector<double> weights_;  // (dense), of length effect / sqrt(kinds)
  int categorical_ = 0, cardinality_ = 0;
  std::optional<AliasTable> values_;
  std::vector<float> effects_;  // (categorical x cardinality): what a value adds to the logit
  NormalPart undrawn_;          // the law of all that DrawLaw does not draw
};

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_EXTRA_H_
