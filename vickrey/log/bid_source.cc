#include "vickrey/log/bid_source.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::log {

absl::StatusOr<BidSource> BidSource::Parse(std::string_view text, uint64_t seed) {
  BidSource source{.seed = seed};
  absl::string_view rest(text.data(), text.size());
  const bool known = absl::ConsumePrefix(&rest, "lognormal:");
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, ',');
  if (!known || parts.size() != 2 || !absl::SimpleAtod(parts[0], &source.mu) ||
      !absl::SimpleAtod(parts[1], &source.sigma) || !(std::abs(source.mu) <= 20) ||
      !(source.sigma >= 0 && source.sigma <= 10)) {
    return base::InvalidField("bids", absl::StrCat("'", std::string(text),
                                                   "' is not lognormal:MU,SIGMA with |MU| <= 20 and 0 <= SIGMA <= 10"));
  }
  return source;
}

int64_t BidSource::BidMicros(int64_t row) const {
  base::RandomStream random(seed, base::StreamId("import.bids"), static_cast<uint64_t>(row));
  return static_cast<int64_t>(std::clamp(std::round(random.LogNormal(mu, sigma) * 1e6), 1.0, 1e15));
}

}  // namespace vickrey::log
