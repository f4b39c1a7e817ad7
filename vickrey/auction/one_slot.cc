#include "vickrey/auction/one_slot.h"

#include <algorithm>
#include <optional>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/auction/one_slot.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vickrey/auction/critical_bid.h"
#include "vickrey/auction/scores-inl.h"

namespace vickrey::auction {

// The price of an auction's winner where it is close to a tie.
int64_t UnclearPrice(const Batch& batch, const Reserve& reserve, size_t auction, int32_t winner);

}  // namespace vickrey::auction

HWY_BEFORE_NAMESPACE();
namespace vickrey::auction::HWY_NAMESPACE {

constexpr size_t kLanes = hn::MaxLanes(D());  // auctions that are decided at a time

// Rows become columns.
HWY_INLINE void Transpose([[maybe_unused]] V (&v)[kLanes]) {
#if HWY_TARGET != HWY_SCALAR
  const D d;
  V pairs[kLanes];  // for two rows: their even entries alternating, then their odd ones
  for (size_t r = 0; r + 1 < kLanes; r += 2) {
    pairs[r] = hn::InterleaveLower(d, v[r], v[r + 1]);
    pairs[r + 1] = hn::InterleaveUpper(d, v[r], v[r + 1]);
  }
  if constexpr (kLanes == 2) {
    std::copy(pairs, pairs + kLanes, v);
  } else if constexpr (kLanes == 4) {
    for (size_t odd = 0; odd < 2; ++odd) {
      v[odd] = hn::ConcatLowerLower(d, pairs[2 + odd], pairs[odd]);
      v[odd + 2] = hn::ConcatUpperUpper(d, pairs[2 + odd], pairs[odd]);
    }
  } else {
    for (size_t odd = 0; odd < 2; ++odd) {
      // Blocks of two entries: of rows 0, 1 and 4, 5; of rows 2, 3 and 6, 7.
      const V low_a = hn::ConcatLowerLower(d, pairs[4 + odd], pairs[odd]);
      const V low_b = hn::ConcatLowerLower(d, pairs[6 + odd], pairs[2 + odd]);
      const V high_a = hn::ConcatUpperUpper(d, pairs[4 + odd], pairs[odd]);
      const V high_b = hn::ConcatUpperUpper(d, pairs[6 + odd], pairs[2 + odd]);
      v[odd] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(low_b), low_a);
      v[odd + 2] = hn::OddEvenBlocks(low_b, hn::SwapAdjacentBlocks(low_a));
      v[odd + 4] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(high_b), high_a);
      v[odd + 6] = hn::OddEvenBlocks(high_b, hn::SwapAdjacentBlocks(high_a));
    }
  }
#endif
}

// By lane, an auction: the two greatest scores, and where the first of the greatest is.
struct Leaders {
  V first, second, at_first;
};

// `offsets`: kLanes + 1 of the batch's.
HWY_INLINE Leaders LeadersOf(const Batch& batch, const Floors& floors, const int64_t* offsets) {
  const D d;
  int64_t longest = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) longest = std::max(longest, offsets[lane + 1] - offsets[lane]);
  Leaders leaders{hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for (int64_t column = 0; column < longest; column += static_cast<int64_t>(kLanes)) {
    V scores[kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const int64_t at = offsets[lane] + column;
      scores[lane] = LoadScores(floors, batch, at, offsets[lane + 1] - at);
    }
    Transpose(scores);
    for (size_t i = 0; i < kLanes; ++i) {
      const V score = scores[i];
      const auto leads = hn::Gt(score, leaders.first);  // equal scores: the lower index stays
      const V here = hn::Set(d, static_cast<double>(column + static_cast<int64_t>(i)));
      leaders.at_first = hn::IfThenElse(leads, here, leaders.at_first);
      leaders.second = hn::Max(leaders.second, hn::Min(leaders.first, score));
      leaders.first = hn::Max(leaders.first, score);
    }
  }
  return leaders;
}

// Decides kLanes auctions, of which the first is `from`.
HWY_INLINE void SettleGroup(const Batch& batch, const Reserve& reserve, const int64_t* offsets, size_t from,
                            int32_t* winners, int64_t* prices_micros) {
  const D d;
  const I di;
  const hn::Rebind<int32_t, D> narrow;
  const Floors floors(reserve);
  const Leaders leaders = LeadersOf(batch, floors, offsets);
  const auto sold = hn::Gt(leaders.first, hn::Zero(d));
  // The winner's bid and pCTR; of an auction without candidates, those of any one.
  const auto last = hn::Set(di, static_cast<int64_t>(batch.bids_micros.size()) - 1);
  const auto index = hn::Min(hn::Add(hn::LoadU(di, offsets), hn::ConvertTo(di, leaders.at_first)), last);
  const V bid = BidsOf(hn::GatherIndex(di, batch.bids_micros.data(), index));
  const V pctr = hn::GatherIndex(d, batch.pctrs.data(), index);
  // As in CriticalBid: nearly always one above the truncated quotient keeps the slot, clear of a tie, and less does
  // not.
  const V one = hn::Set(d, 1), target = hn::Max(leaders.second, hn::Set(d, floors.score));
  const V guess = hn::Min(hn::Add(hn::Floor(hn::Div(target, pctr)), one), bid);
  const auto clear = hn::And(hn::Gt(hn::Mul(guess, pctr), target), hn::Lt(hn::Mul(hn::Sub(guess, one), pctr), target));
  const auto free = hn::Eq(target, hn::Zero(d));  // nobody behind it, and no reserve by the score
  const V least = hn::Set(d, floors.bid);
  const V price = hn::IfThenElseZero(sold, hn::Max(hn::IfThenZeroElse(free, guess), least));
  hn::StoreU(hn::DemoteTo(narrow, hn::IfThenElse(sold, leaders.at_first, hn::Set(d, BatchOutcome::kUnsold))), narrow,
             winners);
  hn::StoreU(hn::ConvertTo(di, price), di, prices_micros);
  const auto unclear = hn::AndNot(hn::Or(clear, free), sold);
  if (hn::AllFalse(d, unclear)) return;
  HWY_ALIGN double again[kLanes];
  hn::Store(hn::IfThenElseZero(unclear, one), d, again);
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (again[lane] > 0) prices_micros[lane] = UnclearPrice(batch, reserve, from + lane, winners[lane]);
  }
}

void SettleOneSlot(const Batch& batch, const Reserve& reserve, int32_t* winners, int64_t* prices_micros) {
  if (batch.bids_micros.empty()) {
    std::fill(winners, winners + batch.auctions(), BatchOutcome::kUnsold);
    std::fill(prices_micros, prices_micros + batch.auctions(), 0);
    return;
  }
  size_t from = 0;
  for (; from + kLanes <= batch.auctions(); from += kLanes) {
    SettleGroup(batch, reserve, batch.offsets.data() + from, from, winners + from, prices_micros + from);
  }
  const size_t left = batch.auctions() - from;
  if (left == 0) return;
  int64_t offsets[kLanes + 1];  // the lanes left over have no candidates
  std::fill(std::copy(batch.offsets.begin() + static_cast<std::ptrdiff_t>(from), batch.offsets.end(), offsets),
            offsets + kLanes + 1, batch.offsets.back());
  int32_t last_winners[kLanes];
  int64_t last_prices[kLanes];
  SettleGroup(batch, reserve, offsets, from, last_winners, last_prices);
  std::copy(last_winners, last_winners + left, winners + from);
  std::copy(last_prices, last_prices + left, prices_micros + from);
}

}  // namespace vickrey::auction::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::auction {

HWY_EXPORT(SettleOneSlot);

int64_t UnclearPrice(const Batch& batch, const Reserve& reserve, size_t auction, int32_t winner) {
  const auto bidder = [&](int64_t i) {
    const int64_t at = batch.offsets[auction] + i;
    return Bidder{static_cast<int>(i), batch.bids_micros[at], batch.pctrs[at],
                  Score(batch.bids_micros[at], batch.pctrs[at])};
  };
  std::optional<Bidder> next;
  for (int64_t i = 0; i < batch.offsets[auction + 1] - batch.offsets[auction]; ++i) {
    const Bidder other = bidder(i);
    if (i == winner || !IsEligible(reserve, other.bid_micros, other.score)) continue;
    if (!next.has_value() || Beats(other, *next)) next = other;
  }
  return CriticalBid(bidder(winner), next.has_value() ? &*next : nullptr, reserve);
}

void SettleOneSlot(const Batch& batch, const Reserve& reserve, int32_t* winners, int64_t* prices_micros) {
  HWY_DYNAMIC_DISPATCH(SettleOneSlot)(batch, reserve, winners, prices_micros);
}

}  // namespace vickrey::auction
#endif  // HWY_ONCE
