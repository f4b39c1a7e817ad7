#include "simulator/grpc_player.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/connect.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/rules.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::Auction;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;
using vickrey::v1::Outcome;

constexpr int kGiveUp = 100;     // calls that are lost in a row: the server is gone
constexpr int kFewAtATime = 16;  // where calls are made again
constexpr absl::Duration kAskAgain = absl::Milliseconds(200);

// Whether a call failed for what the next one may not: it was lost, not refused.
bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status) ||
         absl::IsAborted(status) || absl::IsCancelled(status) || absl::IsUnknown(status) || absl::IsInternal(status);
}

// INTERNAL unless the outcome can be one of the auction in so many slots: it comes from another process.
absl::Status Check(const Outcome& outcome, const std::string& auction_id, int candidates, int slots) {
  bool good = outcome.pctr_size() == candidates && outcome.placements_size() <= slots;
  for (int k = 0; k < outcome.placements_size(); ++k) {
    const auto& placement = outcome.placements(k);
    good = good && placement.slot() == k + 1 && placement.index() >= 0 && placement.index() < candidates;
  }
  for (const double p : outcome.pctr()) good = good && p >= 0 && p <= 1;
  if (good) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("auction ", auction_id, ": what the server answered is no outcome of it: ",
                                          base::ToJson(outcome).substr(0, 500)));
}

}  // namespace

// What came of one call.
struct GrpcPlayer::Reply {
  absl::Status status = absl::UnavailableError("not asked");
  bool refused = false;  // there is no use in asking again
  std::vector<double> pctrs;
  std::vector<int32_t> winners;
  std::vector<int64_t> prices_micros;
};

GrpcPlayer::GrpcPlayer(std::unique_ptr<client::Client> client, const SimulateConfig& config)
    : client_(std::move(client)),
      rules_(decision::RulesOf(config)),
      patience_(absl::Seconds(config.retry_seconds())),
      flight_(config.in_flight()) {}

absl::StatusOr<std::unique_ptr<Player>> GrpcPlayer::Create(const SimulateConfig& config) {
  if (config.address().empty()) return base::InvalidField("address", "is required for scorer 'grpc'");
  ASSIGN_OR_RETURN(auto client, client::Connect(config.address()));
  std::unique_ptr<GrpcPlayer> player(new GrpcPlayer(std::move(client), config));
  RETURN_IF_ERROR(player->Find(config));
  return player;
}

absl::Status GrpcPlayer::Find(const SimulateConfig& config) {
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
    const std::string name = absl::StrCat(found->name(), "@", found->version());
    contestants_.push_back({.ref = name, .loss = found->provenance().loss(), .labels = found->provenance().labels()});
    readers_.push_back({name, found->schema()});
    ModelRef fixed;
    fixed.set_name(found->name());
    fixed.set_version(found->version());
    refs_.push_back(std::move(fixed));
  }
  return absl::OkStatus();
}

bool GrpcPlayer::Gone() const { return given_up_ || lost_in_row_ >= kGiveUp; }

void GrpcPlayer::Send(const Auction& auction, size_t contestant, Reply* reply, Flight* block) {
  const auto is_over = [this] { return Gone() || !base::CheckInterrupt().ok(); };
  if (is_over()) return;
  vickrey::v1::RunAuctionRequest request;
  *request.mutable_model() = refs_[contestant];
  *request.mutable_auction() = auction;
  *request.mutable_rules() = rules_;
  flight_.Depart();
  if (is_over()) return flight_.Arrive();  // while it waited for its turn
  block->Depart();
  const auto done = [this, reply, block, candidates = auction.candidates_size()](absl::StatusOr<Outcome> outcome) {
    reply->status = outcome.status();
    if (outcome.ok()) {
      const int slots = rules_.slots();
      reply->status = Check(*outcome, outcome->auction_id(), candidates, slots);
      reply->refused = !reply->status.ok();
      reply->pctrs.assign(outcome->pctr().begin(), outcome->pctr().end());
      reply->winners.assign(slots, -1);
      reply->prices_micros.assign(slots, 0);
      for (int k = 0; k < outcome->placements_size() && reply->status.ok(); ++k) {
        reply->winners[k] = outcome->placements(k).index();
        reply->prices_micros[k] = outcome->placements(k).price_micros();
      }
    } else {
      reply->refused = !IsLost(reply->status);
    }
    if (reply->status.ok() || reply->refused) {
      lost_in_row_ = 0;
    } else {
      ++lost_in_row_;
    }
    flight_.Arrive();
    block->Arrive();  // the last thing: the reply may be gone then
  };
  client_->RunAuction(std::move(request), done);
}

void GrpcPlayer::GiveUp() {
  if (given_up_.exchange(true)) return;
  base::Note(absl::StrCat("the server at ", client_->address(), " is given up: what it has not answered is missing"));
}

bool GrpcPlayer::WaitForServer() {
  const absl::Time start = absl::Now();
  for (bool told = false; !given_up_ && base::CheckInterrupt().ok(); told = true) {
    if (const auto serving = client_->IsServing(); serving.ok() && *serving) return true;
    if (absl::Now() - start >= patience_) break;
    if (!told) {
      base::Note(absl::StrCat("the server at ", client_->address(), " does not answer; its calls are made again if it ",
                              "is back within ", absl::FormatDuration(patience_)));
    }
    absl::SleepFor(std::min(kAskAgain, patience_));
  }
  return false;
}

absl::Status GrpcPlayer::Play(Block* block, Round* round) {
  const size_t models = refs_.size();
  std::vector<Reply> replies(static_cast<size_t>(block->size()) * models);
  Flight of_block, again(kFewAtATime);
  for (int64_t i = 0; i < block->size(); ++i) {
    const auto& record = block->At(i);
    round->Append(record);
    for (size_t m = 0; m < models; ++m) Send(record.auction(), m, &replies[i * models + m], &of_block);
  }
  of_block.WaitForAll();
  // Lost calls are made again, few at a time, as long as that brings answers.
  const auto is_lost = [](const Reply& reply) { return !reply.status.ok() && !reply.refused; };
  size_t lost = static_cast<size_t>(std::count_if(replies.begin(), replies.end(), is_lost));
  while (lost > 0 && patience_ > absl::ZeroDuration() && base::CheckInterrupt().ok() && !given_up_) {
    if (!WaitForServer()) {
      if (base::CheckInterrupt().ok()) GiveUp();
      break;
    }
    lost_in_row_ = 0;
    for (int64_t i = 0; i < block->size() && !Gone(); ++i) {
      for (size_t m = 0; m < models; ++m) {
        Reply& reply = replies[i * models + m];
        if (is_lost(reply)) Send(block->At(i).auction(), m, &reply, &again);
      }
    }
    again.WaitForAll();
    const size_t before = std::exchange(lost, std::count_if(replies.begin(), replies.end(), is_lost));
    if (lost == before) break;
  }
  RETURN_IF_ERROR(base::CheckInterrupt());
  if (lost_in_row_ >= kGiveUp) GiveUp();

  round->answers.resize(models);
  const auto slots = static_cast<size_t>(rules_.slots());
  for (size_t k = 0; k < replies.size(); ++k) {
    const Reply& reply = replies[k];
    const size_t a = k / models;
    if (reply.refused) {
      return base::Annotate(
          reply.status, absl::StrCat(contestants_[k % models].ref, ", auction ", std::string(round->auction_ids[a])));
    }
    auto& [answered, pctrs, winners, prices] = round->answers[k % models];
    answered.push_back(reply.status.ok());
    if (reply.status.ok()) {
      pctrs.insert(pctrs.end(), reply.pctrs.begin(), reply.pctrs.end());
      winners.insert(winners.end(), reply.winners.begin(), reply.winners.end());
      prices.insert(prices.end(), reply.prices_micros.begin(), reply.prices_micros.end());
    } else {
      pctrs.resize(pctrs.size() + round->candidates(a));
      winners.resize(winners.size() + slots, -1);
      prices.resize(prices.size() + slots);
    }
  }
  return absl::OkStatus();
}

}  // namespace vickrey::simulator
