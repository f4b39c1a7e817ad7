#include "vickrey/auction/auction.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"

namespace vickrey::auction {

absl::Status Reserve::Validate() const {
  const auto check = [this](std::string_view field, int64_t max) {
    if (micros >= 1 && micros <= max) return absl::OkStatus();
    return base::InvalidField(field, absl::StrCat(micros, " is out of range; a reserve is 1 to ", max, " micros"));
  };
  switch (kind) {
    case Kind::kClick:
      return check("reserve.click_micros", kMaxBidMicros);
    case Kind::kMille:
      return check("reserve.mille_micros", kMaxMilleMicros);
    case Kind::kNone:
      break;
  }
  return absl::OkStatus();
}

bool IsEligible(const Reserve& reserve, int64_t bid_micros, double score) {
  if (!(score > 0)) return false;
  switch (reserve.kind) {
    case Reserve::Kind::kClick:
      return bid_micros >= reserve.micros;
    case Reserve::Kind::kMille:
      return score >= static_cast<double>(reserve.micros) / 1000;
    case Reserve::Kind::kNone:
      break;
  }
  return true;
}

absl::Status ValidateCandidates(std::string_view field, std::span<const Candidate> candidates) {
  const auto fault = [&](size_t i, std::string_view key, const std::string& what) {
    return base::InvalidField(absl::StrCat(std::string(field), "[", i, "].", std::string(key)), what);
  };
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& c = candidates[i];
    if (c.bid_micros < kMinBidMicros || c.bid_micros > kMaxBidMicros) {
      return fault(
          i, "bid_micros",
          absl::StrCat(c.bid_micros, " is out of range; a bid is ", kMinBidMicros, " to ", kMaxBidMicros, " micros"));
    }
    if (!(c.pctr >= 0 && c.pctr <= 1)) {  // NaN is neither
      return fault(i, "pctr", absl::StrCat(c.pctr, " is not a probability in [0, 1]"));
    }
  }
  return absl::OkStatus();
}

absl::Status Validate(std::string_view auction_id, std::span<const Candidate> candidates) {
  const absl::Status status =
      candidates.size() > static_cast<size_t>(base::kMaxCandidates)
          ? base::InvalidField("candidates", absl::StrCat("has ", candidates.size(), " entries; at most ",
                                                          base::kMaxCandidates, " are allowed"))
          : ValidateCandidates("candidates", candidates);
  if (status.ok()) return status;
  return base::Annotate(status, absl::StrCat("auction ", std::string(auction_id)));
}

}  // namespace vickrey::auction
