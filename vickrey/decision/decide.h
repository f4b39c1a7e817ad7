// One auction from the offer to the outcome: checked, predicted, ranked, priced. The server answers with it and the
// simulator plays by it in its own process, so that both decide alike.
#ifndef VICKREY_DECISION_DECIDE_H_
#define VICKREY_DECISION_DECIDE_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/auction_service.pb.h"

namespace vickrey::decision {

// INVALID_ARGUMENT naming the first field under `prefix` ("auction.") that is wrong: ids, number of candidates, and
// where `bids` says so their bids and values. Features are left to the model.
absl::Status CheckOffer(const vickrey::v1::Auction& auction, std::string_view prefix, bool bids);

// What the rules of a message say. INVALID_ARGUMENT naming the field under `where` ("rules.") for a mechanism that is
// no value of the enum, or a placement, which a server looks up itself; the rest is left to auction::MakeMechanism.
absl::StatusOr<auction::Rules> ReadRules(const vickrey::v1::AuctionRules& rules, std::string_view where);

// INVALID_ARGUMENT naming the field under `where` ("rules.").
absl::StatusOr<std::unique_ptr<auction::Mechanism>> MakeMechanism(const vickrey::v1::AuctionRules& rules,
                                                                  std::string_view where);

// INVALID_ARGUMENT naming the field under `where`, as CheckOffer with bids and Model::Predict.
absl::StatusOr<vickrey::v1::Outcome> Decide(const model::Model& model, const auction::Mechanism& mechanism,
                                            const vickrey::v1::Auction& auction, std::string_view where);

}  // namespace vickrey::decision

#endif  // VICKREY_DECISION_DECIDE_H_
