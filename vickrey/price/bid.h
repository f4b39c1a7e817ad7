// What to bid for an impression of known value, given what its price may be. Thread-safe functions.
//
// The money: `value` v is what an impression is worth to who wins it, `fee` c what each one that is bought costs beside
// its price (serving, data, a margin); all in units of the price. F(b) = P(price <= b).
#ifndef VICKREY_PRICE_BID_H_
#define VICKREY_PRICE_BID_H_

#include <limits>

#include "vickrey/price/distribution.h"

namespace vickrey::price {

enum class Payment {
  kSecondPrice,  // the winner pays the market price
  kFirstPrice,   // the winner pays its bid; the market price is then the highest of the others' bids
};

// A bid that wins nothing, not even what costs 0; and one that wins whatever it costs.
inline constexpr double kNoBid = -std::numeric_limits<double>::infinity();
inline constexpr double kAnyPrice = std::numeric_limits<double>::infinity();

// What a bid earns on average:
//   second price  sum over p <= b of P(p) (v - p - c)  =  (v - c - E[price | price <= b]) F(b)
//   first price   (v - c - b) F(b)
// 0 where it wins nothing, kNoBid included.
double ExpectedProfit(Payment payment, const Distribution& distribution, double bid, double value, double fee);

// The bid that is best in a second-price auction whatever the distribution: v - c. Every price below it adds profit,
// every price above it takes some away (Vickrey, "Counterspeculation, auctions, and competitive sealed tenders", 1961).
// kNoBid where that is negative: no price is.
double TruthfulBid(double value, double fee);

// What is left of shading in a first-price auction where no distribution of prices is known: s (v - c), and at least
// the floor, which is known and below which nothing is won. kNoBid where v - c is below the floor.
double ShadedBid(double share, double value, double fee, double floor);

// Whether a floor > 0 makes whoever wins lose money, whatever the price: v - c is below it.
bool IsSureLoss(double value, double fee, double floor);

// argmax_b (v - c - b) F(b), the best bid in a first-price auction. F has steps only at its prices, so one of them is
// the best bid; the lowest of several that are equal; kNoBid where none earns anything.
double BestFirstPriceBid(const Distribution& distribution, double value, double fee);

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_BID_H_
