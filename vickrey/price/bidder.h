#ifndef VICKREY_PRICE_BIDDER_H_
#define VICKREY_PRICE_BIDDER_H_

#include <cstdint>
#include <optional>

#include "vickrey/price/bid.h"

namespace vickrey::price {

// What a bidder has made of a log of auctions.
struct Tally {
  int64_t auctions = 0, buys = 0;
  double spend = 0;    // prices and fees
  double value = 0;    // of what was bought
  int64_t clicks = 0;  // of what was bought
  double profit() const { return value - spend; }
  double win_rate() const { return auctions == 0 ? 0 : static_cast<double>(buys) / static_cast<double>(auctions); }
};

// Plays a log of (value, market price), in order of time, against bids: a bid wins iff it is at least the market price;
// who wins pays that price (second price) or the bid (first price), and the fee, and has the value.
//
// How the price of an auction is known that the bidder loses: the log holds auctions that somebody else won, and what
// that one paid. Prices of auctions that the logging bidder lost are not in it, nor are those auctions, so results hold
// for auctions like those that it won, below its bid. A bidder that plays is not seen by the others: their bids stay as
// they were.
//
// A budget is never exceeded: a bid is cut to what is left less the fee, so that even the most that it can cost is
// there.
//
// Not thread-safe.
class Player {
 public:
  struct Rules {
    Payment payment = Payment::kSecondPrice;
    double fee = 0;                // per impression that is bought, in units of the price; >= 0
    std::optional<double> budget;  // for prices and fees; Default: none
  };
  explicit Player(const Rules& rules) : rules_(rules) {}

  // One auction; `bid` may be kNoBid or, in a second-price auction, kAnyPrice. Returns what it cost: 0 if it was lost.
  double Play(double bid, double value, double price, bool click = false);

  const Tally& tally() const { return tally_; }
  // What is left of the budget; infinity where there is none.
  double left() const { return rules_.budget.has_value() ? *rules_.budget - tally_.spend : kAnyPrice; }

 private:
  const Rules rules_;
  Tally tally_;
};

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_BIDDER_H_
