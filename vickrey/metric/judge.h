// AuctionLines as auctions that can be decided and judged.
#ifndef VICKREY_METRIC_JUDGE_H_
#define VICKREY_METRIC_JUDGE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "vickrey/metric/welfare.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::metric {

// What a click on it is worth, as welfare counts it: its value, or else its bid.
inline int64_t ValueMicros(const vickrey::v1::CandidateLine& candidate) {
  return candidate.has_value_micros() ? candidate.value_micros() : candidate.bid_micros();
}

// INVALID_ARGUMENT naming the auction, the candidate and the field that is out of range. Bids are left to the
// mechanism.
absl::StatusOr<JudgedAuction> Judge(const vickrey::v1::AuctionLine& line);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_JUDGE_H_
