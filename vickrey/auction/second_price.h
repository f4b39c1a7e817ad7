#ifndef VICKREY_AUCTION_SECOND_PRICE_H_
#define VICKREY_AUCTION_SECOND_PRICE_H_

#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"

namespace vickrey::auction {

// The second-price auction of one slot, paid per click (Vickrey 1961, with scores in the place of bids as in Edelman,
// Ostrovsky, Schwarz 2007 for one slot): the best eligible candidate wins and pays the critical bid, which is the least
// whole number of micros with which it would still win, the other bids being as they are, and under the reserve. A lone
// eligible candidate pays the reserve, or 0 where there is none. Bidding one's value is a best response.
//
// Immutable, so thread-safe.
class SecondPrice final : public Mechanism {
 public:
  // INVALID_ARGUMENT for more than one slot, for multipliers other than 1, for a reserve out of range.
  static absl::StatusOr<std::unique_ptr<Mechanism>> Create(const Rules& rules);

  absl::StatusOr<Outcome> Run(std::string_view auction_id, std::span<const Candidate> candidates) const override;

 private:
  explicit SecondPrice(const Reserve& reserve) : reserve_(reserve) {}

  const Reserve reserve_;
};

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_SECOND_PRICE_H_
