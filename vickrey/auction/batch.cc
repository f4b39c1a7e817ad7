#include "vickrey/auction/batch.h"

#include <algorithm>
#include <bit>
#include <string>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/auction/batch.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "absl/strings/str_cat.h"
#include "vickrey/auction/auction.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::auction::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whether every bid and probability is in range, but for -0, which this calls out of range. The sign bit of one of the
// differences is set where one is not: the bits of the doubles in [0, 1] order as they do. No branch.
bool AllInRange(const int64_t* bids_micros, const double* pctrs, size_t n) {
  const hn::ScalableTag<int64_t> d;
  const auto least = hn::Set(d, kMinBidMicros), most = hn::Set(d, kMaxBidMicros);
  const auto one = hn::Set(d, std::bit_cast<int64_t>(1.0));
  auto bad = hn::Zero(d);
  const auto check = [&](const int64_t* bid, const double* pctr) HWY_ATTR {
    const auto b = hn::LoadU(d, bid), p = hn::LoadU(d, reinterpret_cast<const int64_t*>(pctr));
    return hn::Or(hn::Or(hn::Sub(b, least), hn::Sub(most, b)), hn::Or(p, hn::Sub(one, p)));
  };
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) bad = hn::Or(bad, check(bids_micros + i, pctrs + i));
  if (i < n) {
    HWY_ALIGN int64_t last_bids[hn::MaxLanes(d)];
    HWY_ALIGN double last_pctrs[hn::MaxLanes(d)];
    std::fill(last_bids, last_bids + hn::MaxLanes(d), kMinBidMicros);
    std::fill(last_pctrs, last_pctrs + hn::MaxLanes(d), 0.0);
    std::copy(bids_micros + i, bids_micros + n, last_bids);
    std::copy(pctrs + i, pctrs + n, last_pctrs);
    bad = hn::Or(bad, check(last_bids, last_pctrs));
  }
  return hn::AllFalse(d, hn::Lt(bad, hn::Zero(d)));
}

}  // namespace vickrey::auction::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::auction {

HWY_EXPORT(AllInRange);

namespace {

absl::Status CheckShape(const Batch& batch) {
  const size_t n = batch.bids_micros.size();
  if (batch.pctrs.size() != n) {
    return base::InvalidField("pctrs", absl::StrCat("has ", batch.pctrs.size(), " entries; bids_micros has ", n));
  }
  if (batch.offsets.empty() || batch.offsets.front() != 0 || batch.offsets.back() != static_cast<int64_t>(n)) {
    return base::InvalidField("offsets", absl::StrCat("must go from 0 to ", n, ", the number of candidates"));
  }
  for (size_t a = 0; a < batch.auctions(); ++a) {
    if (batch.offsets[a + 1] < batch.offsets[a] || batch.offsets[a + 1] > static_cast<int64_t>(n)) {
      return base::InvalidField(absl::StrCat("offsets[", a + 1, "]"),
                                absl::StrCat(batch.offsets[a + 1], " is not between the one before, ", batch.offsets[a],
                                             ", and the number of candidates, ", n));
    }
    const int64_t size = batch.offsets[a + 1] - batch.offsets[a];
    if (size > base::kMaxCandidates) {
      return base::InvalidField(absl::StrCat("offsets[", a + 1, "]"),
                                absl::StrCat(batch.offsets[a + 1], " makes an auction of ", size, " candidates; 0 to ",
                                             base::kMaxCandidates, " are allowed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

size_t LongestOf(const Batch& batch) {
  int64_t longest = 0;
  for (size_t a = 0; a < batch.auctions(); ++a) longest = std::max(longest, batch.offsets[a + 1] - batch.offsets[a]);
  return static_cast<size_t>(longest);
}

absl::Status Validate(const Batch& batch) {
  RETURN_IF_ERROR(CheckShape(batch));
  if (HWY_DYNAMIC_DISPATCH(AllInRange)(batch.bids_micros.data(), batch.pctrs.data(), batch.bids_micros.size())) {
    return absl::OkStatus();
  }
  std::vector<Candidate> candidates;
  for (size_t a = 0; a < batch.auctions(); ++a) {
    candidates.clear();
    for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
      candidates.push_back({batch.bids_micros[i], batch.pctrs[i]});
    }
    RETURN_IF_ERROR(ValidateCandidates(absl::StrCat("auctions[", a, "].candidates"), candidates));
  }
  return absl::OkStatus();
}

}  // namespace vickrey::auction
#endif  // HWY_ONCE
