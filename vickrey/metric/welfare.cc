#include "vickrey/metric/welfare.h"

#include <limits>

#include "vickrey/auction/settlement.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/status.h"
#include "vickrey/metric/misordering.h"

namespace vickrey::metric {
namespace {

size_t Index(Reference reference) { return static_cast<size_t>(reference); }

constexpr size_t kColumns = 8;  // see misordering.h

// The sum over slots of x times what `worth` says of the slot's winner, an index into the auction's candidates.
template <typename Worth>
double Sum(std::span<const double> multipliers, const int32_t* winners, Worth worth) {
  double sum = 0;
  for (size_t k = 0; k < multipliers.size() && winners[k] != auction::BatchOutcome::kUnsold; ++k) {
    sum += multipliers[k] * worth(k, static_cast<size_t>(winners[k]));
  }
  return sum;
}

}  // namespace

std::string_view NameOf(Reference reference) {
  switch (reference) {
    case Reference::kTruth:
      return "truth";
    case Reference::kTeacher:
      return "teacher";
    case Reference::kClicks:
      return "clicks";
  }
  return "";
}

std::optional<Reference> JudgedAuction::BestReference() const {
  for (const Reference reference : kReferences) {
    if (!bids_micros.empty() && !probabilities[Index(reference)].empty()) return reference;
  }
  return std::nullopt;
}

std::vector<auction::Candidate> JudgedAuction::Candidates() const {
  std::vector<auction::Candidate> candidates(bids_micros.size());
  for (size_t i = 0; i < candidates.size(); ++i) candidates[i] = {bids_micros[i], pctrs[i]};
  return candidates;
}

JudgedBatch BatchOf(const JudgedAuction& judged, std::array<int64_t, 2>* offsets) {
  *offsets = {0, static_cast<int64_t>(judged.bids_micros.size())};
  JudgedBatch batch{.auctions = {judged.bids_micros, {}, *offsets},
                    .values_micros = judged.values_micros,
                    .probabilities = {},
                    .clicks = judged.clicks,
                    .teachers = judged.teachers,
                    .known_pctrs = judged.known_pctrs};
  if (judged.has_pctr) batch.auctions.pctrs = judged.pctrs;
  for (const Reference reference : kReferences) {
    batch.probabilities[Index(reference)] = judged.probabilities[Index(reference)];
  }
  return batch;
}

absl::Status WelfareAccumulator::Add(std::string_view auction_id, const JudgedAuction& judged) {
  std::array<int64_t, 2> offsets;
  const absl::Status status = Add(BatchOf(judged, &offsets));
  if (status.ok()) return status;
  RETURN_IF_ERROR(auction::Validate(auction_id, judged.Candidates()));
  return status;
}

absl::Status WelfareAccumulator::Add(const JudgedBatch& batch) {
  const bool decided = !batch.auctions.pctrs.empty() || batch.auctions.bids_micros.empty();
  if (decided) {
    if (HasReserve()) RETURN_IF_ERROR(unreserved_->RunBatch(batch.auctions, &unreserved_outcome_));
    RETURN_IF_ERROR(mechanism_->RunBatch(batch.auctions, &outcome_));
  }
  auctions_ += static_cast<int64_t>(batch.auctions.auctions());
  if (decided) AddWinners(batch);
  for (const Reference reference : kReferences) {
    if (!batch.probabilities[Index(reference)].empty()) AddReference(batch, reference);
  }
  return absl::OkStatus();
}

void WelfareAccumulator::AddWinners(const JudgedBatch& batch) {
  const size_t slots = mechanism_->position_multipliers().size();
  const std::span<const double> clicks = batch.probabilities[Index(Reference::kClicks)];
  for (size_t a = 0; a < batch.auctions.auctions(); ++a) {
    sold_ += outcome_.winners[a * slots] != auction::BatchOutcome::kUnsold;
    for (size_t k = 0; k < slots && !clicks.empty(); ++k) {
      const int32_t winner = outcome_.winners[a * slots + k];
      if (winner == auction::BatchOutcome::kUnsold) break;
      winner_pctr_ += batch.auctions.pctrs[batch.auctions.offsets[a] + winner];
      winner_clicks_ += clicks[batch.auctions.offsets[a] + winner];
    }
  }
}

void WelfareAccumulator::AddReference(const JudgedBatch& batch, Reference reference) {
  const std::span<const double> x = mechanism_->position_multipliers();
  const auction::Reserve& reserve = mechanism_->reserve();
  const bool decided = !batch.auctions.pctrs.empty();
  Sums& sums = sums_[Index(reference)];
  for (size_t a = 0; a < batch.auctions.auctions(); ++a) {
    const int64_t begin = batch.auctions.offsets[a];
    const auto n = static_cast<size_t>(batch.auctions.offsets[a + 1] - begin);
    const int64_t* const bids = batch.auctions.bids_micros.data() + begin;
    const int64_t* const values = batch.values_micros.data() + begin;
    const double* const probabilities = batch.probabilities[Index(reference)].data() + begin;
    worths_.resize((n + kColumns - 1) / kColumns * kColumns);
    for (size_t i = 0; i < n; ++i) worths_[i] = auction::Score(values[i], probabilities[i]);
    const double oracle = auction::OracleWelfare(x, {worths_.data(), n}, &sorted_);
    ++sums.judged;
    sums.oracle_welfare += oracle;
    if (!decided) continue;

    const int32_t* const winners = outcome_.winners.data() + a * x.size();
    const int64_t* const prices = outcome_.prices_micros.data() + a * x.size();
    const auto worth = [&](size_t, size_t i) { return worths_[i]; };
    const double welfare = Sum(x, winners, worth);
    ++sums.decided;
    sums.welfare += welfare;
    sums.revenue += Sum(x, winners, [&](size_t k, size_t i) { return auction::Score(prices[k], probabilities[i]); });
    if (reference == Reference::kClicks) continue;  // a regret would be hindsight

    double free = welfare, exact = welfare;  // without a reserve; with candidates let in by their exact probabilities
    if (HasReserve()) {
      const int32_t* const ranked = unreserved_outcome_.winners.data() + a * x.size();
      free = Sum(x, ranked, worth);
      if (reserve.kind == auction::Reserve::Kind::kMille) {
        exact = Sum(x, ranked, [&](size_t, size_t i) {
          return auction::IsEligible(reserve, bids[i], auction::Score(bids[i], probabilities[i])) ? worths_[i] : 0;
        });
      }
    }
    sums.lost_ranking += oracle - free;
    sums.lost_reserve += free - exact;
    sums.lost_calibration += exact - welfare;
    const double* const pctrs = batch.auctions.pctrs.data() + begin;
    scores_.assign(worths_.size(), -std::numeric_limits<double>::infinity());
    for (size_t i = 0; i < n; ++i) scores_[i] = auction::Score(bids[i], pctrs[i]);
    sums.misordering += Misordering(scores_.data(), worths_.data(), n);
  }
}

void WelfareAccumulator::Merge(const WelfareAccumulator& other) {
  auctions_ += other.auctions_;
  sold_ += other.sold_;
  winner_pctr_ += other.winner_pctr_;
  winner_clicks_ += other.winner_clicks_;
  for (size_t i = 0; i < sums_.size(); ++i) {
    Sums& a = sums_[i];
    const Sums& b = other.sums_[i];
    a.judged += b.judged;
    a.decided += b.decided;
    a.welfare += b.welfare;
    a.oracle_welfare += b.oracle_welfare;
    a.revenue += b.revenue;
    a.lost_ranking += b.lost_ranking;
    a.lost_reserve += b.lost_reserve;
    a.lost_calibration += b.lost_calibration;
    a.misordering += b.misordering;
  }
}

WelfareMetrics WelfareAccumulator::Finalize() const {
  WelfareMetrics m;
  m.sold = sold_;
  if (winner_clicks_ > 0) m.winner_calibration = winner_pctr_ / winner_clicks_;
  for (const Reference reference : kReferences) {
    const Sums& sums = sums_[Index(reference)];
    if (auctions_ == 0 || sums.judged < auctions_) continue;
    const auto mean = [&](double sum) { return sum / base::kMicro / static_cast<double>(auctions_); };
    const bool decided = sums.decided == auctions_;
    m.reference = reference;
    if (decided) {
      m.welfare = mean(sums.welfare);
      m.revenue = mean(sums.revenue);
      m.surplus = *m.welfare - *m.revenue;
    }
    if (reference == Reference::kClicks) return m;
    m.oracle_welfare = mean(sums.oracle_welfare);
    if (decided) {
      m.regret = *m.oracle_welfare - *m.welfare;
      m.lost_ranking = mean(sums.lost_ranking);
      m.lost_reserve = mean(sums.lost_reserve);
      m.lost_calibration = mean(sums.lost_calibration);
      m.misordering = mean(sums.misordering);
    }
    return m;
  }
  return m;
}

}  // namespace vickrey::metric
