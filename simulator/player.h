#ifndef SIMULATOR_PLAYER_H_
#define SIMULATOR_PLAYER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "simulator/round.h"
#include "simulator/scoring.h"
#include "simulator/source.h"
#include "vickrey/config/v1/simulate.pb.h"

namespace vickrey::simulator {

// Has models decide auctions, over gRPC as an ad stack does, or in this process by the same code.
// Thread-safe.
class Player {
 public:
  // Finds every model of the configuration and fixes its version. INVALID_ARGUMENT naming the field; NOT_FOUND for a
  // model that is not there; UNAVAILABLE if the server cannot be reached.
  static absl::StatusOr<std::unique_ptr<Player>> Create(const vickrey::config::v1::SimulateConfig& config);
  virtual ~Player() = default;

  const std::vector<Contestant>& contestants() const { return contestants_; }
  // What each of them reads.
  const std::vector<Source::Reader>& readers() const { return readers_; }

  // Has every contestant play every auction of the block, and waits for the answers. A call that is lost (the server is
  // gone or overloaded) is made again when the server is back; what is lost for good is an auction that is not
  // answered. The error of a call that is refused (INVALID_ARGUMENT and the like), or CANCELLED by a signal, of the
  // first auction that has one.
  virtual absl::Status Play(Block* block, Round* round) = 0;

 protected:
  std::vector<Contestant> contestants_;
  std::vector<Source::Reader> readers_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_PLAYER_H_
