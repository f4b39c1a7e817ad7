#ifndef SIMULATOR_IN_PROCESS_PLAYER_H_
#define SIMULATOR_IN_PROCESS_PLAYER_H_

#include <memory>
#include <vector>

#include "simulator/player.h"
#include "vickrey/model/model.h"

namespace vickrey::simulator {

// Predicts in this process, by the code that a server predicts with.
class InProcessPlayer final : public Player {
 public:
  static absl::StatusOr<std::unique_ptr<Player>> Create(const vickrey::config::v1::SimulateConfig& config);

  absl::Status Play(Block* block, Round* round) override;

 private:
  InProcessPlayer() = default;

  std::vector<std::shared_ptr<const model::Model>> models_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_IN_PROCESS_PLAYER_H_
