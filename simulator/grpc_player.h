#ifndef SIMULATOR_GRPC_PLAYER_H_
#define SIMULATOR_GRPC_PLAYER_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "client/client.h"
#include "simulator/flight.h"
#include "simulator/player.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/model.pb.h"

namespace vickrey::simulator {

// Asks a server. Of all blocks together so many calls as configured are under way at a time, so that the next block
// goes on while the last answers of one are waited for.
//
// A server that loses 100 calls in a row is gone: what is left of the block waits until it answers health checks again,
// for `retry_seconds`; then it is given up, and nothing is asked any more.
class GrpcPlayer final : public Player {
 public:
  static absl::StatusOr<std::unique_ptr<Player>> Create(const vickrey::config::v1::SimulateConfig& config);

  absl::Status Play(Block* block, Round* round) override;

 private:
  struct Reply;

  GrpcPlayer(std::unique_ptr<client::Client> client, const vickrey::config::v1::SimulateConfig& config);
  absl::Status Find(const vickrey::config::v1::SimulateConfig& config);

  bool Gone() const;
  // Sends one call, whose reply comes later; or none, where the server is gone.
  void Send(const vickrey::v1::Auction& auction, size_t contestant, Reply* reply, Flight* block);
  void GiveUp();
  // Whether the server is back in time.
  bool WaitForServer();

  const std::unique_ptr<const client::Client> client_;
  const vickrey::v1::AuctionRules rules_;
  const absl::Duration patience_;
  std::vector<vickrey::v1::ModelRef> refs_;
  Flight flight_;
  std::atomic<int> lost_in_row_ = 0;
  std::atomic<bool> given_up_ = false;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_GRPC_PLAYER_H_
