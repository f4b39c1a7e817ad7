// What scan.cc compiles once for all instruction sets.
#ifndef VICKREY_AUCTION_SCAN_TASK_H_
#define VICKREY_AUCTION_SCAN_TASK_H_

#include <array>
#include <limits>

#include "vickrey/auction/batch.h"
#include "vickrey/auction/bidder.h"

namespace vickrey::auction {

// What all auctions of a scan share.
struct ScanTask {
  const Batch& batch;
  Floors floors;
  size_t most;
  double* scores;  // of the auction at hand
};

inline constexpr double kNoScore = std::numeric_limits<double>::infinity();

// Where several candidates have one of the best scores: all of them, the lower index first. `best` holds the distinct
// scores. Returns how many bidders there are now, at most task.most.
inline size_t SpreadTies(const ScanTask& task, const int64_t* bids, const double* pctrs, size_t n, size_t distinct,
                         Bidder* best) {
  std::array<double, kMaxSlots + 1> scores;
  for (size_t k = 0; k < distinct; ++k) scores[k] = best[k].score;
  size_t found = 0;
  for (size_t k = 0; k < distinct; ++k) {
    for (size_t i = 0; i < n && found < task.most; ++i) {
      if (task.scores[i] == scores[k]) best[found++] = {static_cast<int>(i), bids[i], pctrs[i], scores[k]};
    }
  }
  return found;
}

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_SCAN_TASK_H_
