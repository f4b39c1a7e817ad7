#ifndef SIMULATOR_PLAYER_H_
#define SIMULATOR_PLAYER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "simulator/scoring.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/auction_service.pb.h"

namespace vickrey::simulator {

// Has models decide auctions, over gRPC as an ad stack does, or in this process by the same code.
// Thread-safe.
class Player {
 public:
  using Done = std::function<void(absl::StatusOr<vickrey::v1::Outcome>)>;

  // Finds every model of the configuration and fixes its version. INVALID_ARGUMENT naming the field; NOT_FOUND for a
  // model that is not there; UNAVAILABLE if the server cannot be reached.
  static absl::StatusOr<std::unique_ptr<Player>> Create(const vickrey::config::v1::SimulateConfig& config);
  virtual ~Player() = default;

  const std::vector<Contestant>& contestants() const { return contestants_; }

  // Has one contestant decide; `done` is called once, perhaps before this returns. The player must outlive it.
  virtual void Play(size_t contestant, const vickrey::v1::Auction& auction, Done done) const = 0;

 protected:
  std::vector<Contestant> contestants_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_PLAYER_H_
