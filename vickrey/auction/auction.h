// What an auction is: bids and predicted click probabilities in, an order of the eligible candidates and priced
// placements out. Pure: no I/O, no model.
//
// Money is in whole micros (1e-6 of the currency). A score is (double)bid x pCTR, one IEEE multiplication: expected
// micros per impression of the first slot. 1000 x score is the eCPM.
#ifndef VICKREY_AUCTION_AUCTION_H_
#define VICKREY_AUCTION_AUCTION_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace vickrey::auction {

// The range of bids and of reserves per click: every whole number up to 10^15 is a double, so that no score is rounded
// twice. A reserve per mille may be 1000 times as much.
inline constexpr int64_t kMinBidMicros = 1;
inline constexpr int64_t kMaxBidMicros = 1'000'000'000'000'000;
inline constexpr int64_t kMaxMilleMicros = 1000 * kMaxBidMicros;
inline constexpr int kMaxSlots = 100;

// What ranking and pricing know of a candidate.
struct Candidate {
  int64_t bid_micros = 0;  // per click, kMinBidMicros .. kMaxBidMicros
  double pctr = 0;         // predicted probability of a click in slot 1, in [0, 1]
};

// The least that a slot is sold for.
struct Reserve {
  enum class Kind {
    kNone,
    kClick,  // eligible iff bid >= micros
    kMille,  // eligible iff score >= micros / 1000
  };
  Kind kind = Kind::kNone;
  int64_t micros = 0;

  // INVALID_ARGUMENT naming the field unless `micros` is in the kind's range.
  absl::Status Validate() const;
};

// One slot that was sold.
struct Placement {
  int slot = 0;              // from 1
  int index = 0;             // the winner, an index into the auction's candidates
  double score = 0;          // micros per impression of slot 1
  int64_t price_micros = 0;  // per click; never above the bid
  double examination = 1;    // the slot's position multiplier: a click probability p is examination x p here
};

// What an auction decides.
struct Outcome {
  std::vector<int> ranking;           // the eligible candidates, best first
  std::vector<Placement> placements;  // the slots that were sold, from slot 1
};

inline double Score(int64_t bid_micros, double pctr) { return static_cast<double>(bid_micros) * pctr; }

// The order of candidates: by score, ties to the lower index.
inline bool Beats(double score, int index, double other_score, int other_index) {
  return score > other_score || (score == other_score && index < other_index);
}

// Whether a candidate may be placed. A score of 0 never is; a bid or score equal to the reserve is.
bool IsEligible(const Reserve& reserve, int64_t bid_micros, double score);

// INVALID_ARGUMENT naming `auction_id` and the first candidate and field that is out of range, such as
// "auction a7: candidates[2].pctr: nan is not a probability in [0, 1]".
absl::Status Validate(std::string_view auction_id, std::span<const Candidate> candidates);

// The same without the auction's id; `field` is what the candidates are called: "auctions[3].candidates".
absl::Status ValidateCandidates(std::string_view field, std::span<const Candidate> candidates);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_AUCTION_H_
