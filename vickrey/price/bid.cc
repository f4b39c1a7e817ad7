#include "vickrey/price/bid.h"

#include <algorithm>

namespace vickrey::price {

double ExpectedProfit(Payment payment, const Distribution& distribution, double bid, double value, double fee) {
  const double wins = distribution.WinProbability(bid);
  if (wins == 0) return 0;
  return (value - fee) * wins - (payment == Payment::kSecondPrice ? distribution.ExpectedPayment(bid) : bid * wins);
}

double TruthfulBid(double value, double fee) { return value >= fee ? value - fee : kNoBid; }

double ShadedBid(double share, double value, double fee, double floor) {
  const double worth = value - fee;
  return worth >= floor ? std::max(share * worth, floor) : kNoBid;
}

bool IsSureLoss(double value, double fee, double floor) { return floor > 0 && value - fee < floor; }

double BestFirstPriceBid(const Distribution& distribution, double value, double fee) {
  const double worth = value - fee;
  double best = kNoBid, most = 0, wins = 0;
  for (size_t k = 0; k < distribution.prices().size() && distribution.prices()[k] < worth; ++k) {
    wins += distribution.probabilities()[k];
    const double profit = (worth - distribution.prices()[k]) * wins;
    if (profit > most) {
      most = profit;
      best = distribution.prices()[k];
    }
  }
  return best;
}

}  // namespace vickrey::price
