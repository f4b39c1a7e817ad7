// What a bidder sets by what would have been best on past impressions. Thread-safe functions.
#ifndef VICKREY_PRICE_CHOOSE_H_
#define VICKREY_PRICE_CHOOSE_H_

#include <span>

namespace vickrey::price {

// The threshold t for "buy iff forecast > t" with the most profit, where buying i yields profits[i]: half-way between
// the last forecast that is bought and the next, which generalises better than either; the highest forecast if nothing
// is worth buying, just below the lowest if all is. Of several that are equal the highest. REQUIRES: at least one
// forecast, as many profits, none NaN.
double BestThreshold(std::span<const double> forecasts, std::span<const double> profits);

// The share s of {1/50, 2/50, ..., 1} with the most profit in first-price auctions for a bidder that bids
// ShadedBid(s, value, fee, floor): the sum of value - fee - bid over what it wins. Of several that are equal the
// lowest. REQUIRES: as many values as prices and floors.
double BestShare(std::span<const double> values, std::span<const double> prices, std::span<const double> floors,
                 double fee);

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_CHOOSE_H_
