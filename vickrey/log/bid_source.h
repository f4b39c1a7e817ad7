#ifndef VICKREY_LOG_BID_SOURCE_H_
#define VICKREY_LOG_BID_SOURCE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::log {

// Where bids come from for a log that has none: drawn row by row, a function of (seed, row).
struct BidSource {
  double mu = 0;     // of the log-normal law, in units of the currency
  double sigma = 0;  // 0: every bid is exp(mu)
  uint64_t seed = 1;

  // "lognormal:MU,SIGMA". INVALID_ARGUMENT otherwise.
  static absl::StatusOr<BidSource> Parse(std::string_view text, uint64_t seed);
  int64_t BidMicros(int64_t row) const;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_BID_SOURCE_H_
