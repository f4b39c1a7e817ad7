#include "simulator/player.h"

#include "simulator/grpc_player.h"
#include "simulator/in_process_player.h"

namespace vickrey::simulator {

absl::StatusOr<std::unique_ptr<Player>> Player::Create(const vickrey::config::v1::SimulateConfig& config) {
  return config.scorer() == "grpc" ? GrpcPlayer::Create(config) : InProcessPlayer::Create(config);
}

}  // namespace vickrey::simulator
