#ifndef TRAINER_LOSS_BATCH_H_
#define TRAINER_LOSS_BATCH_H_

#include <cstdint>
#include <vector>

namespace vickrey::trainer {

// What losses know of some auctions beside the logits. Candidates lie flat, one auction after the other.
struct LossBatch {
  std::vector<int64_t> offsets = {0};  // auction a has candidates [offsets[a], offsets[a + 1])
  std::vector<double> bids;            // per click, units of the currency, greater than 0
  std::vector<double> labels;          // q of each candidate, in [0, 1]; NaN: masked, takes part in nothing
  std::vector<double> weights;         // of each auction in all means, greater than 0; empty: 1 each
  // What means are over where this is a part of a batch, whose values and gradients the parts' add up to: auctions, and
  // labelled candidates, of the whole. 0: this is the whole. REQUIRES: no weights where they are given.
  double whole_auctions = 0, whole_labelled = 0;

  int64_t auctions() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t candidates() const { return offsets.back(); }
  double WeightOf(int64_t auction) const { return weights.empty() ? 1 : weights[auction]; }
};

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_BATCH_H_
