// Mechanisms: who is placed, and at what price.
#ifndef VICKREY_AUCTION_MECHANISM_H_
#define VICKREY_AUCTION_MECHANISM_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/auction/auction.h"

namespace vickrey::auction {

// The rules of an auction, before they are checked.
struct Rules {
  std::string mechanism = "second_price";
  int slots = 1;
  std::vector<double> position_multipliers = {};  // Default: all 1
  Reserve reserve = {};
};

// A mechanism with its rules fixed:
//   1. Create checks the rules;
//   2. Run decides auctions, each on its own.
//
// Immutable, so thread-safe.
class Mechanism {
 public:
  virtual ~Mechanism() = default;

  // Decides one auction. INVALID_ARGUMENT naming `auction_id`, the candidate and the field where an input is out of
  // range (see Validate). No candidates is an auction without a winner.
  virtual absl::StatusOr<Outcome> Run(std::string_view auction_id, std::span<const Candidate> candidates) const = 0;
};

// INVALID_ARGUMENT naming the field that is wrong: a mechanism that is not known (the message lists those that are),
// a number of slots or multipliers that the mechanism does not take, a reserve out of range.
absl::StatusOr<std::unique_ptr<Mechanism>> MakeMechanism(const Rules& rules);

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_MECHANISM_H_
