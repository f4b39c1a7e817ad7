#include "simulator/player.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/connect.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/decision/rules.h"
#include "vickrey/model/model.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::AuctionRules;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;

class GrpcPlayer final : public Player {
 public:
  GrpcPlayer(std::unique_ptr<client::Client> client, const SimulateConfig& config)
      : client_(std::move(client)), rules_(decision::RulesOf(config)) {}

  absl::Status Find(const SimulateConfig& config) {
    for (const std::string& text : config.models()) {
      ASSIGN_OR_RETURN(const ModelRef ref, client::ParseModelRef(text));
      ASSIGN_OR_RETURN(const auto infos, client_->ListModels(ref.name()));
      const ModelInfo* found = nullptr;
      for (const ModelInfo& info : infos) {
        const std::string label = ref.has_label() ? ref.label() : "stable";
        bool is_it = ref.has_version() && info.version() == ref.version();
        for (const std::string& own : info.labels()) is_it = is_it || (!ref.has_version() && own == label);
        if (is_it) found = &info;
      }
      if (found == nullptr) {
        return base::AboutField(
            absl::NotFoundError(absl::StrCat("models: the server at ", client_->address(), " does not hold ", text)),
            "models");
      }
      contestants_.push_back({.ref = absl::StrCat(found->name(), "@", found->version()),
                              .loss = found->provenance().loss(),
                              .labels = found->provenance().labels()});
      ModelRef fixed;
      fixed.set_name(found->name());
      fixed.set_version(found->version());
      refs_.push_back(std::move(fixed));
    }
    return absl::OkStatus();
  }

  void Play(size_t contestant, const vickrey::v1::Auction& auction, Done done) const override {
    vickrey::v1::RunAuctionRequest request;
    *request.mutable_model() = refs_[contestant];
    *request.mutable_auction() = auction;
    *request.mutable_rules() = rules_;
    client_->RunAuction(std::move(request), std::move(done));
  }

 private:
  const std::unique_ptr<const client::Client> client_;
  const AuctionRules rules_;
  std::vector<ModelRef> refs_;
};

class InProcessPlayer final : public Player {
 public:
  absl::Status Find(const SimulateConfig& config) {
    ASSIGN_OR_RETURN(mechanism_, decision::MakeMechanism(decision::RulesOf(config), ""));
    for (const std::string& text : config.models()) {
      ASSIGN_OR_RETURN(const ModelRef ref, client::ParseModelRef(text));
      if (!ref.has_version()) {
        return base::InvalidField("models", absl::StrCat("'", text,
                                                         "' needs its version, NAME@VERSION: labels are a "
                                                         "server's, and scorer 'inprocess' has none"));
      }
      ASSIGN_OR_RETURN(auto model,
                       model::Model::Load(std::filesystem::path(config.artifact_root()) / ref.name() / ref.version()));
      contestants_.push_back({.ref = model->ref(),
                              .loss = model->file().provenance().loss(),
                              .labels = model->file().provenance().labels()});
      models_.push_back(std::move(model));
    }
    return absl::OkStatus();
  }

  void Play(size_t contestant, const vickrey::v1::Auction& auction, Done done) const override {
    done(decision::Decide(*models_[contestant], *mechanism_, auction, "auction."));
  }

 private:
  std::unique_ptr<auction::Mechanism> mechanism_;
  std::vector<std::shared_ptr<const model::Model>> models_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Player>> Player::Create(const SimulateConfig& config) {
  if (config.scorer() == "grpc") {
    if (config.address().empty()) return base::InvalidField("address", "is required for scorer 'grpc'");
    ASSIGN_OR_RETURN(auto client, client::Connect(config.address()));
    auto player = std::make_unique<GrpcPlayer>(std::move(client), config);
    RETURN_IF_ERROR(player->Find(config));
    return player;
  }
  if (config.artifact_root().empty()) {
    return base::InvalidField("artifact_root", "is required for scorer 'inprocess'");
  }
  auto player = std::make_unique<InProcessPlayer>();
  RETURN_IF_ERROR(player->Find(config));
  return player;
}

}  // namespace vickrey::simulator
