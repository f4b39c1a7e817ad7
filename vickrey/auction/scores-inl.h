// Scores of candidates in vectors; compiled for each instruction set by the files that include it.
#if defined(VICKREY_AUCTION_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VICKREY_AUCTION_SCORES_INL_H_
#undef VICKREY_AUCTION_SCORES_INL_H_
#else
#define VICKREY_AUCTION_SCORES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "vickrey/auction/batch.h"
#include "vickrey/auction/bidder.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::auction::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using I = hn::RebindToSigned<D>;
using V = hn::Vec<D>;

// (double)bid for 0 <= bid < 2^52, exactly: the bid becomes the fraction of a double between 2^52 and 2^53. Unlike the
// conversion of integers, every instruction set has what this takes.
HWY_INLINE V BidsOf(hn::Vec<I> bids_micros) {
  const D d;
  const V two52 = hn::Set(d, 4503599627370496.0);
  return hn::Sub(hn::BitCast(d, hn::Or(bids_micros, hn::BitCast(I(), two52))), two52);
}

// 0 for a candidate that is not eligible.
HWY_INLINE V ScoresOf(const Floors& floors, hn::Vec<I> bids_micros, V pctrs) {
  const D d;
  const V bid = BidsOf(bids_micros);
  const V scores = hn::Mul(bid, pctrs);
  const auto eligible = hn::And(hn::Ge(bid, hn::Set(d, floors.bid)), hn::Ge(scores, hn::Set(d, floors.score)));
  return hn::IfThenElseZero(eligible, scores);
}

// The scores of candidates at, at + 1, ... of a batch, of which `left` are of the auction; 0 in the other lanes.
HWY_INLINE V LoadScores(const Floors& floors, const Batch& batch, int64_t at, int64_t left) {
  const D d;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  if (left <= 0) return hn::Zero(d);
  const int64_t* const bids = batch.bids_micros.data() + at;
  const double* const pctrs = batch.pctrs.data() + at;
  if (at + kLanes <= static_cast<int64_t>(batch.bids_micros.size())) {  // reads into the next auction, whose lanes go
    const V scores = ScoresOf(floors, hn::LoadU(I(), bids), hn::LoadU(d, pctrs));
    return left >= kLanes ? scores : hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(left)), scores);
  }
  HWY_ALIGN int64_t last_bids[kLanes] = {};
  HWY_ALIGN double last_pctrs[kLanes] = {};
  std::copy(bids, bids + std::min(left, kLanes), last_bids);
  std::copy(pctrs, pctrs + std::min(left, kLanes), last_pctrs);
  return ScoresOf(floors, hn::Load(I(), last_bids), hn::Load(d, last_pctrs));
}

}  // namespace vickrey::auction::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
