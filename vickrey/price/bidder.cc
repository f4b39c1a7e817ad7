#include "vickrey/price/bidder.h"

#include <algorithm>

namespace vickrey::price {

double Player::Play(double bid, double value, double price, bool click) {
  ++tally_.auctions;
  const double most = std::min(bid, left() - rules_.fee);
  if (most < price) return 0;
  // Rounding of a difference can let the sum come out above what is left by a last digit: never spend that.
  const double cost = std::min((rules_.payment == Payment::kSecondPrice ? price : most) + rules_.fee, left());
  ++tally_.buys;
  tally_.spend += cost;
  if (rules_.budget.has_value()) tally_.spend = std::min(tally_.spend, *rules_.budget);
  tally_.value += value;
  tally_.clicks += click ? 1 : 0;
  return cost;
}

}  // namespace vickrey::price
