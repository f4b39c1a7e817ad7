// What auctions ranked by a model are worth, judged by the best knowledge of the click probabilities that there is.
#ifndef VICKREY_METRIC_WELFARE_H_
#define VICKREY_METRIC_WELFARE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "vickrey/auction/auction.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::metric {

// What welfare is judged by, best first.
enum class Reference { kTruth, kTeacher, kClicks };
inline constexpr std::array kReferences = {Reference::kTruth, Reference::kTeacher, Reference::kClicks};
// "truth", "teacher", "clicks".
std::string_view NameOf(Reference reference);

// Auctions as flat arrays, with what is known of their candidates. Owns nothing.
struct JudgedBatch {
  auction::Batch auctions;                 // no `pctrs`: no predictions
  std::span<const int64_t> values_micros;  // (N)
  // By reference: (N) click probabilities (for kClicks, the clicks as 0 and 1); empty unless known of every candidate.
  std::array<std::span<const double>, kReferences.size()> probabilities;
  // What is known of some candidates, for the metrics of predictions; empty: of none.
  std::span<const int8_t> clicks;       // (N) 1: clicked, 0: not, kUnknownClick
  std::span<const double> teachers;     // (N) a teacher's estimates; NaN: not known
  std::span<const double> known_pctrs;  // (N) where `auctions` has no pctrs: those that are known; NaN: not known
};
inline constexpr int8_t kUnknownClick = -1;

// One auction's candidates with what is known of them. All lists have an entry for each candidate.
struct JudgedAuction {
  std::vector<int64_t> bids_micros;
  std::vector<double> pctrs;  // read only where has_pctr
  std::vector<int64_t> values_micros;
  bool has_pctr = true;  // whether every candidate has a prediction
  std::array<std::vector<double>, kReferences.size()> probabilities;
  std::vector<int8_t> clicks;
  std::vector<double> teachers, known_pctrs;  // as of JudgedBatch

  // The best reference that is known of every candidate.
  std::optional<Reference> BestReference() const;
  std::vector<auction::Candidate> Candidates() const;
};

// A view of an auction as a batch of one. `offsets` is filled, and lives as long as the batch.
JudgedBatch BatchOf(const JudgedAuction& judged, std::array<int64_t, 2>* offsets);

// Means per auction, in units of the currency; nothing where not defined.
struct WelfareMetrics {
  std::optional<Reference> reference;    // the best one known of every auction
  std::optional<double> welfare;         // needs predictions
  std::optional<double> oracle_welfare;  // not for clicks: the best ad of those clicked is hindsight
  std::optional<double> regret;          // likewise
  std::optional<double> revenue;
  std::optional<double> surplus;  // welfare - revenue
  // The regret, taken apart, with k the candidate of the greatest score, v = value x probability, and R the reserve:
  //   ranking      max v - v_k                     the best candidate was not first
  //   reserve      v_k [1 - 1{v_k >= R}]           it would not be sold with exact probabilities either
  //   calibration  v_k [1{v_k >= R} - 1{s_k >= R}] it was kept from sale, or, negative, sold for a wrong probability
  // 1{v_k >= R} is by bid x probability. A reserve per click does not depend on probabilities: `calibration` is 0 then,
  // and `reserve` is what who is left makes of the sale. With several slots, k and v_k are those of each slot.
  std::optional<double> lost_ranking, lost_reserve, lost_calibration;
  // Mean of R = sum over ordered pairs of (v_i - v_j)+ 1{score_i <= score_j}, v = value x probability; see
  // misordering.h.
  std::optional<double> misordering;
  int64_t sold = 0;                          // auctions with a winner
  std::optional<double> winner_calibration;  // winners of which the click is known: sum of predictions / clicks
};

// Runs a mechanism on auctions and accumulates what they were worth. Not thread-safe; the mechanisms must outlive it.
class WelfareAccumulator {
 public:
  // `unreserved` is the mechanism without a reserve.
  WelfareAccumulator(const auction::Mechanism* mechanism, const auction::Mechanism* unreserved)
      : mechanism_(mechanism), unreserved_(unreserved) {}

  // INVALID_ARGUMENT naming the array, or the auction, the candidate and the field, as the mechanism says; nothing is
  // added then. REQUIRES: values and probabilities are in their ranges.
  absl::Status Add(const JudgedBatch& batch);
  // The same of one auction; the error names `auction_id`.
  absl::Status Add(std::string_view auction_id, const JudgedAuction& judged);
  // REQUIRES: the same mechanism.
  void Merge(const WelfareAccumulator& other);
  WelfareMetrics Finalize() const;

 private:
  // In micros.
  struct Sums {
    int64_t judged = 0;   // auctions of which the reference is known
    int64_t decided = 0;  // those with predictions
    double welfare = 0, oracle_welfare = 0, revenue = 0;
    double lost_ranking = 0, lost_reserve = 0, lost_calibration = 0, misordering = 0;
  };

  bool HasReserve() const { return mechanism_->reserve().kind != auction::Reserve::Kind::kNone; }
  void AddWinners(const JudgedBatch& batch);
  void AddReference(const JudgedBatch& batch, Reference reference);

  const auction::Mechanism* mechanism_;
  const auction::Mechanism* unreserved_;
  int64_t auctions_ = 0;
  int64_t sold_ = 0;
  double winner_pctr_ = 0, winner_clicks_ = 0;
  std::array<Sums, kReferences.size()> sums_;
  // Of the current batch and auction, kept for their memory.
  auction::BatchOutcome outcome_, unreserved_outcome_;
  std::vector<double> scores_, worths_, sorted_;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_WELFARE_H_
