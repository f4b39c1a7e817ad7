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
#include "vickrey/auction/batch.h"

namespace vickrey::auction {

// The rules of an auction, before they are checked.
struct Rules {
  std::string mechanism = "second_price";
  int slots = 1;                                  // 1 .. kMaxSlots
  std::vector<double> position_multipliers = {};  // x_1 = 1, never rising, above 0: one a slot. Default: all 1
  Reserve reserve = {};
};

// A mechanism with its rules fixed:
//   1. MakeMechanism checks the rules;
//   2. Run decides one auction, or RunBatch many; both decide alike, to the micro.
//
// All rank the eligible candidates by score and sell slot k to the k-th; they differ in the price of a click.
// Immutable, so thread-safe.
class Mechanism {
 public:
  virtual ~Mechanism() = default;

  // Decides one auction. INVALID_ARGUMENT naming `auction_id`, the candidate and the field where an input is out of
  // range (see Validate). No candidates is an auction without a winner.
  virtual absl::StatusOr<Outcome> Run(std::string_view auction_id, std::span<const Candidate> candidates) const = 0;

  // Decides many auctions, without an allocation for each. INVALID_ARGUMENT naming the array, or the auction, the
  // candidate and the field ("auctions[7].candidates[2].pctr"); `outcome` is unchanged then.
  virtual absl::Status RunBatch(const Batch& batch, BatchOutcome* outcome) const = 0;

  // x_1 .. x_K of the K slots: examination of each relative to the first.
  std::span<const double> position_multipliers() const { return position_multipliers_; }
  const Reserve& reserve() const { return reserve_; }

 protected:
  // REQUIRES: checked rules.
  explicit Mechanism(const Rules& rules);

 private:
  const std::vector<double> position_multipliers_;  // one for each slot
  const Reserve reserve_;
};

// INVALID_ARGUMENT naming the field of `rules` that no mechanism takes: slots, position_multipliers, reserve.
absl::Status CheckRules(const Rules& rules);

// INVALID_ARGUMENT naming the field that is wrong: a mechanism that is not known (the message lists those that are),
// or what CheckRules or the mechanism refuses.
absl::StatusOr<std::unique_ptr<Mechanism>> MakeMechanism(const Rules& rules);

// The names that MakeMechanism knows.
std::vector<std::string_view> MechanismNames();

}  // namespace vickrey::auction

#endif  // VICKREY_AUCTION_MECHANISM_H_
