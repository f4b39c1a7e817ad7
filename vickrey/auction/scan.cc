#include "vickrey/auction/scan.h"

#include <algorithm>

// Compiled once for each instruction set that the compiler knows; the machine's is picked when the program runs. All
// give the same bits.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/auction/scan.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vickrey/auction/scan_task.h"
#include "vickrey/auction/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::auction::HWY_NAMESPACE {

// Writes the scores of an auction's n candidates to task.scores, in whole vectors with 0 behind the last; returns where
// they end.
HWY_INLINE size_t WriteScores(const ScanTask& task, int64_t begin, int64_t n) {
  const D d;
  int64_t i = 0;
  for (; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    hn::Store(LoadScores(task.floors, task.batch, begin + i, n - i), d, task.scores + i);
  }
  return static_cast<size_t>(i);
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
    const size_t end = WriteScores(task, begin, static_cast<int64_t>(n));
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

}  // namespace vickrey::auction::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::auction {

HWY_EXPORT(ScanAuctions);

Scan::Scan(const Batch& batch, const Reserve& reserve, size_t most)
    : batch_(batch),
      floors_(reserve),
      most_(most),
      scores_(hwy::AllocateAligned<double>(LongestOf(batch) + kMostLanes)) {}

void Scan::Best(size_t from, size_t to, Bidder* bidders, int32_t* found) {
  const ScanTask task{batch_, floors_, most_, scores_.get()};
  HWY_DYNAMIC_DISPATCH(ScanAuctions)(task, from, to, bidders, found);
}

}  // namespace vickrey::auction
#endif  // HWY_ONCE
