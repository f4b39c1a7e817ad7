#ifndef SERVER_PLACEMENTS_H_
#define SERVER_PLACEMENTS_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/config/v1/placements.pb.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::server {

// The rules of auctions that an operator has set, by name (PlacementsConfig of config/v1/placements.proto), and which
// rules a call gets. Immutable, so thread-safe.
class Placements {
 public:
  // None; calls give their own rules.
  Placements() = default;

  // The errors of base::LoadConfigFile, and INVALID_ARGUMENT for a name that is there twice or rules that no auction
  // can have. `only`: calls must name one.
  static absl::StatusOr<Placements> Open(const std::filesystem::path& file, bool only);

  struct Rules {
    std::shared_ptr<const auction::Mechanism> mechanism;
    vickrey::v1::Reserve reserve;  // without a kind: none
    double explore = 0;            // the share of auctions whose slots are given at random
  };
  // What the rules of a call come to. INVALID_ARGUMENT naming the field under `where` ("rules."): a rule that no
  // auction can have, or one beside a placement; NOT_FOUND: no such placement; PERMISSION_DENIED: there is no
  // placement, and there must be.
  absl::StatusOr<Rules> Find(const vickrey::v1::AuctionRules& rules, const std::string& where) const;

 private:
  std::map<std::string, Rules> placements_;
  bool only_ = false;
};

}  // namespace vickrey::server

#endif  // SERVER_PLACEMENTS_H_
