#include "vickrey/metric/welfare.h"

#include "vickrey/base/status.h"

namespace vickrey::metric {
namespace {

size_t Index(Reference reference) { return static_cast<size_t>(reference); }

constexpr double kMicro = 1e6;  // micros in a unit of the currency

double Worth(const JudgedAuction& judged, const std::vector<double>& probabilities, size_t i) {
  return auction::Score(judged.values_micros[i], probabilities[i]) / kMicro;
}

double Misordering(const JudgedAuction& judged, const std::vector<double>& probabilities) {
  double sum = 0;
  const size_t n = judged.candidates.size();
  for (size_t i = 0; i < n; ++i) {
    const double score = auction::Score(judged.candidates[i].bid_micros, judged.candidates[i].pctr);
    for (size_t j = 0; j < n; ++j) {
      const double more = Worth(judged, probabilities, i) - Worth(judged, probabilities, j);
      if (more > 0 && score <= auction::Score(judged.candidates[j].bid_micros, judged.candidates[j].pctr)) sum += more;
    }
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
    if (!candidates.empty() && !probabilities[Index(reference)].empty()) return reference;
  }
  return std::nullopt;
}

absl::Status WelfareAccumulator::Add(std::string_view auction_id, const JudgedAuction& judged) {
  auction::Outcome outcome, unreserved;
  if (judged.has_pctr) {
    ASSIGN_OR_RETURN(outcome, mechanism_->Run(auction_id, judged.candidates));
    ASSIGN_OR_RETURN(unreserved, unreserved_->Run(auction_id, judged.candidates));
  }
  ++auctions_;
  const std::vector<double>& clicks = judged.probabilities[Index(Reference::kClicks)];
  for (const auction::Placement& placement : outcome.placements) {
    ++sold_;
    if (clicks.empty()) continue;
    winner_pctr_ += judged.candidates[placement.index].pctr;
    winner_clicks_ += clicks[placement.index];
  }
  for (const Reference reference : kReferences) {
    const std::vector<double>& probabilities = judged.probabilities[Index(reference)];
    if (probabilities.empty()) continue;
    Sums& sums = sums_[Index(reference)];
    ++sums.judged;
    sums.oracle_welfare += auction::Settle({}, judged.values_micros, probabilities).oracle_welfare;
    if (judged.has_pctr) AddDecided(judged, outcome, unreserved, reference);
  }
  return absl::OkStatus();
}

void WelfareAccumulator::AddDecided(const JudgedAuction& judged, const auction::Outcome& outcome,
                                    const auction::Outcome& unreserved, Reference reference) {
  const std::vector<double>& probabilities = judged.probabilities[Index(reference)];
  Sums& sums = sums_[Index(reference)];
  const auction::Settlement actual = auction::Settle(outcome, judged.values_micros, probabilities);
  const auction::Settlement free = auction::Settle(unreserved, judged.values_micros, probabilities);
  // The same ranking, with candidates let in by their exact probabilities: the first of them that passes.
  double exact = 0;
  for (const int i : unreserved.ranking) {
    const int64_t bid = judged.candidates[i].bid_micros;
    if (!auction::IsEligible(reserve_, bid, auction::Score(bid, probabilities[i]))) continue;
    exact = Worth(judged, probabilities, i);
    break;
  }
  ++sums.decided;
  sums.welfare += actual.welfare;
  sums.revenue += actual.revenue;
  sums.lost_ranking += free.regret;
  sums.lost_reserve += free.welfare - exact;
  sums.lost_calibration += exact - actual.welfare;
  sums.misordering += Misordering(judged, probabilities);
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
    const auto mean = [&](double sum) { return sum / static_cast<double>(auctions_); };
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
