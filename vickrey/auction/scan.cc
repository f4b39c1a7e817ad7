#include "vickrey/auction/scan.h"

#include <algorithm>

// Compiled once for each instruction set that the compiler knows; the machine's is picked when the program runs. All
// give the same bits.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/auction/scan.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vickrey/auction/scan_task.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::auction::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using I = hn::RebindToSigned<D>;
using V = hn::Vec<D>;

// The scores of whole vectors of candidates, 0 where not eligible.
HWY_INLINE V ScoresOf(const ScanTask& task, hn::Vec<I> bids, V pctrs) {
  const D d;
  // (double)bid for 0 <= bid < 2^52, exactly: the bid becomes the fraction of a double between 2^52 and 2^53. Unlike
  // the conversion of integers, every instruction set has what this takes.
  const V two52 = hn::Set(d, 4503599627370496.0);
  const V bid = hn::Sub(hn::BitCast(d, hn::Or(bids, hn::BitCast(I(), two52))), two52);
  const V scores = hn::Mul(bid, pctrs);
  const auto eligible = hn::And(hn::Ge(bid, hn::Set(d, task.least_bid)), hn::Ge(scores, hn::Set(d, task.least_score)));
  return hn::IfThenElseZero(eligible, scores);
}

// Writes the scores of an auction's n candidates to task.scores, in whole vectors with 0 behind the last; returns where
// they end. `readable`: how many entries the arrays have.
HWY_INLINE size_t WriteScores(const ScanTask& task, const int64_t* bids, const double* pctrs, size_t n,
                              size_t readable) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::Store(ScoresOf(task, hn::LoadU(I(), bids + i), hn::LoadU(d, pctrs + i)), d, task.scores + i);
  }
  if (i == n) return i;
  if (i + lanes <= readable) {  // reads into the next auction, whose lanes are masked
    const V scores = ScoresOf(task, hn::LoadU(I(), bids + i), hn::LoadU(d, pctrs + i));
    hn::Store(hn::IfThenElseZero(hn::FirstN(d, n - i), scores), d, task.scores + i);
  } else {
    HWY_ALIGN int64_t last_bids[hn::MaxLanes(d)] = {};
    HWY_ALIGN double last_pctrs[hn::MaxLanes(d)] = {};
    std::copy(bids + i, bids + n, last_bids);
    std::copy(pctrs + i, pctrs + n, last_pctrs);
    hn::Store(ScoresOf(task, hn::Load(I(), last_bids), hn::Load(d, last_pctrs)), d, task.scores + i);
  }
  return i + lanes;
}

// The greatest score below `limit`; 0 where there is none.
HWY_INLINE double GreatestBelow(const double* scores, size_t end, double limit) {
  const D d;
  const V below = hn::Set(d, limit);
  V greatest = hn::Zero(d);
  for (size_t i = 0; i < end; i += hn::Lanes(d)) {
    const V v = hn::Load(d, scores + i);
    greatest = hn::Max(greatest, hn::IfThenElseZero(hn::Lt(v, below), v));
  }
  return hn::GetLane(hn::MaxOfLanes(d, greatest));
}

// The index of the first candidate of that score, and how many have it.
struct Place {
  int index;
  size_t count;
};
HWY_INLINE Place Find(const double* scores, size_t end, double score) {
  const D d;
  const V wanted = hn::Set(d, score), far = hn::Set(d, 1e9), step = hn::Set(d, static_cast<double>(hn::Lanes(d)));
  V index = hn::Iota(d, 0), first = far;
  size_t count = 0;
  for (size_t i = 0; i < end; i += hn::Lanes(d)) {
    const auto equal = hn::Eq(hn::Load(d, scores + i), wanted);
    first = hn::Min(first, hn::IfThenElse(equal, index, far));
    count += hn::CountTrue(d, equal);
    index = hn::Add(index, step);
  }
  return {static_cast<int>(hn::GetLane(hn::MinOfLanes(d, first))), count};
}

void ScanAuctions(const ScanTask& task, size_t from, size_t to, Bidder* bidders, int32_t* found) {
  for (size_t a = from; a < to; ++a) {
    const int64_t begin = task.batch.offsets[a];
    const auto n = static_cast<size_t>(task.batch.offsets[a + 1] - begin);
    const int64_t* bids = task.batch.bids_micros.data() + begin;
    const double* pctrs = task.batch.pctrs.data() + begin;
    const size_t end = WriteScores(task, bids, pctrs, n, task.batch.bids_micros.size() - static_cast<size_t>(begin));
    Bidder* const best = bidders + (a - from) * task.most;
    const size_t most = std::min(task.most, n);
    // First the scores, each of which waits for the one before; then where they are.
    size_t k = 0;
    for (double score = kNoScore; k < most; ++k) {
      score = GreatestBelow(task.scores, end, score);
      if (!(score > 0)) break;
      best[k].score = score;
    }
    const size_t distinct = k;
    bool ties = false;
    for (k = 0; k < distinct; ++k) {
      const Place place = Find(task.scores, end, best[k].score);
      best[k] = {place.index, bids[place.index], pctrs[place.index], best[k].score};
      ties |= place.count > 1;
    }
    found[a - from] = static_cast<int32_t>(ties ? SpreadTies(task, bids, pctrs, n, distinct, best) : distinct);
  }
}

// The index of the first candidate, from `scores` on, of a score that there is.
HWY_INLINE int IndexOf(const double* scores, double score) {
  const D d;
  const V wanted = hn::Set(d, score);
  for (int i = 0;; i += static_cast<int>(hn::Lanes(d))) {
    const intptr_t found = hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, scores + i), wanted));
    if (found >= 0) return i + static_cast<int>(found);
  }
}

// The two greatest of an auction's scores and the first index of each; 0 for a score that there is not.
struct Two {
  double first = 0, second = 0;
  int at_first = 0, at_second = 0;
};

// Of n <= the vector's lanes, without a detour through memory.
HWY_INLINE Two BestTwoOf(V scores) {
  const D d;
  Two best;
  const V first = hn::MaxOfLanes(d, scores);
  const auto leads = hn::Eq(scores, first);
  const auto rest = hn::IfThenZeroElse(leads, scores);
  const V second = hn::MaxOfLanes(d, rest);
  best.first = hn::GetLane(first);
  best.second = hn::GetLane(second);
  best.at_first = static_cast<int>(hn::FindFirstTrue(d, leads));
  best.at_second = static_cast<int>(hn::FindFirstTrue(d, hn::Eq(rest, second)));
  if (best.first > 0 && hn::CountTrue(d, leads) > 1) {  // a tie
    best.second = best.first;
    const auto others = hn::AndNot(hn::FirstN(d, static_cast<size_t>(best.at_first) + 1), leads);
    best.at_second = static_cast<int>(hn::FindFirstTrue(d, others));
  }
  return best;
}

// Of any n; `scores` may be read for a vector more.
HWY_INLINE Two BestTwoOf(const double* scores, size_t n) {
  Two best;
  for (size_t i = 0; i < n; ++i) {
    best.second = std::max(best.second, std::min(best.first, scores[i]));
    best.first = std::max(best.first, scores[i]);
  }
  if (best.first > 0) best.at_first = IndexOf(scores, best.first);
  const int from = best.second == best.first ? best.at_first + 1 : 0;
  if (best.second > 0) best.at_second = from + IndexOf(scores + from, best.second);
  return best;
}

// The same for two of each of many short auctions.
void ScanShortAuctions(const ScanTask& task, size_t from, size_t to, Bidder* bidders, int32_t* found) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto candidates = static_cast<int64_t>(task.batch.bids_micros.size());
  for (size_t a = from; a < to; ++a) {
    const int64_t begin = task.batch.offsets[a];
    const int64_t n = task.batch.offsets[a + 1] - begin;
    const int64_t* const bids = task.batch.bids_micros.data() + begin;
    const double* const pctrs = task.batch.pctrs.data() + begin;
    Two two;
    if (n <= lanes && begin + lanes <= candidates) {
      const V scores = ScoresOf(task, hn::LoadU(I(), bids), hn::LoadU(d, pctrs));
      two = BestTwoOf(hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(n)), scores));
    } else {
      WriteScores(task, bids, pctrs, static_cast<size_t>(n), static_cast<size_t>(candidates - begin));
      two = BestTwoOf(task.scores, static_cast<size_t>(n));
    }
    found[a - from] = (two.first > 0) + (two.second > 0);
    Bidder* const best = bidders + (a - from) * 2;
    if (two.first > 0) best[0] = {two.at_first, bids[two.at_first], pctrs[two.at_first], two.first};
    if (two.second > 0) best[1] = {two.at_second, bids[two.at_second], pctrs[two.at_second], two.second};
  }
}

}  // namespace vickrey::auction::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::auction {

HWY_EXPORT(ScanAuctions);
HWY_EXPORT(ScanShortAuctions);

Scan::Scan(const Batch& batch, const Reserve& reserve, size_t most)
    : batch_(batch),
      least_bid_(reserve.kind == Reserve::Kind::kClick ? static_cast<double>(reserve.micros) : 0),
      least_score_(reserve.kind == Reserve::Kind::kMille ? static_cast<double>(reserve.micros) / 1000 : 0),
      most_(most) {}

size_t Scan::LongestOf(size_t from, size_t to) const {
  int64_t longest = 0;
  for (size_t a = from; a < to; ++a) longest = std::max(longest, batch_.offsets[a + 1] - batch_.offsets[a]);
  return static_cast<size_t>(longest);
}

void Scan::Best(size_t from, size_t to, Bidder* bidders, int32_t* found) {
  const size_t longest = LongestOf(from, to);
  const size_t needed = longest + 2 * kMostLanes;
  if (needed > room_) {
    scores_ = hwy::AllocateAligned<double>(needed);
    room_ = needed;
  }
  const ScanTask task{batch_, least_bid_, least_score_, most_, scores_.get()};
  if (most_ == 2 && longest <= kShort) {
    HWY_DYNAMIC_DISPATCH(ScanShortAuctions)(task, from, to, bidders, found);
  } else {
    HWY_DYNAMIC_DISPATCH(ScanAuctions)(task, from, to, bidders, found);
  }
}

}  // namespace vickrey::auction
#endif  // HWY_ONCE
