#include "simulator/in_process_player.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"

namespace vickrey::simulator {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::LoggedAuction;

absl::StatusOr<std::unique_ptr<Player>> InProcessPlayer::Create(const SimulateConfig& config) {
  if (config.artifact_root().empty()) {
    return base::InvalidField("artifact_root", "is required for scorer 'inprocess'");
  }
  std::unique_ptr<InProcessPlayer> player(new InProcessPlayer());
  for (const std::string& text : config.models()) {
    ASSIGN_OR_RETURN(const auto ref, client::ParseModelRef(text));
    if (!ref.has_version()) {
      return base::InvalidField("models", absl::StrCat("'", text,
                                                       "' needs its version, NAME@VERSION: labels are a "
                                                       "server's, and scorer 'inprocess' has none"));
    }
    ASSIGN_OR_RETURN(auto model,
                     model::Model::Load(std::filesystem::path(config.artifact_root()) / ref.name() / ref.version()));
    player->contestants_.push_back({.ref = model->ref(),
                                    .loss = model->file().provenance().loss(),
                                    .labels = model->file().provenance().labels()});
    player->readers_.push_back({model->ref(), model->file().schema()});
    player->models_.push_back(std::move(model));
  }
  return player;
}

absl::Status InProcessPlayer::Play(Block* block, Round* round) {
  round->answers.resize(models_.size());
  for (int64_t i = 0; i < block->size(); ++i) {
    if (i % 256 == 0) RETURN_IF_ERROR(base::CheckInterrupt());
    const LoggedAuction& record = block->At(i);
    RETURN_IF_ERROR(decision::CheckOffer(record.auction(), "auction.", /*bids=*/true));
    round->Append(record);
    for (size_t m = 0; m < models_.size(); ++m) {
      const auto prediction = models_[m]->Predict(record.auction(), "auction.");
      if (!prediction.ok()) {
        return base::Annotate(prediction.status(),
                              absl::StrCat(models_[m]->ref(), ", auction ", record.auction().auction_id()));
      }
      auto& [answered, pctrs, winners, prices] = round->answers[m];
      answered.push_back(1);
      pctrs.insert(pctrs.end(), prediction->pctr.begin(), prediction->pctr.end());
    }
  }
  return absl::OkStatus();
}

}  // namespace vickrey::simulator
