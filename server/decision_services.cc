// Predict and RunAuction: answered on the call's own thread, but for the log.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/services.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/decision/explore.h"
#include "vickrey/log/record.h"

namespace vickrey::server {
namespace {

using vickrey::v1::AppendAuctionResult;
using vickrey::v1::LoggedAuction;
using vickrey::v1::LoggedCandidate;
using vickrey::v1::Outcome;
using vickrey::v1::RunAuctionRequest;

const Method kPredict = {.name = "PredictionService.Predict", .role = Role::kPredict};
const Method kRunAuction = {.name = "AuctionService.RunAuction", .role = Role::kPredict};

// What was answered goes to the version that is to predict it too.
void OfferTo(Shadow* shadow, const ShadowModel& model, const vickrey::v1::Auction& auction,
             const google::protobuf::RepeatedField<double>& pctr) {
  if (model.model == nullptr) return;
  shadow->Offer(model, auction, {pctr.begin(), pctr.end()});
}

absl::Status Predict(const Registry& registry, const vickrey::v1::PredictRequest& request, Call* call,
                     vickrey::v1::PredictResponse* response, Shadow* shadow) {
  ASSIGN_OR_RETURN(const auto choice, registry.Choose(request.model(), request.auction().auction_id()));
  const auto& model = choice.model;
  call->set_model(model->ref());
  RETURN_IF_ERROR(call->CheckCandidates(request.auction().candidates_size()));
  RETURN_IF_ERROR(decision::CheckOffer(request.auction(), "auction.", /*bids=*/false));
  ASSIGN_OR_RETURN(const model::Model::Prediction prediction, model->Predict(request.auction(), "auction."));
  call->set_candidates(request.auction().candidates_size());
  response->set_auction_id(request.auction().auction_id());
  response->set_model_name(model->name());
  response->set_model_version(model->version());
  response->mutable_logits()->Add(prediction.logits.begin(), prediction.logits.end());
  response->mutable_pctr()->Add(prediction.pctr.begin(), prediction.pctr.end());
  for (const auto& candidate : request.auction().candidates()) response->add_ad_ids(candidate.ad_id());
  OfferTo(shadow, choice.shadow, request.auction(), response->pctr());
  return absl::OkStatus();
}

// The share of auctions that explore: the placement's, or the call's.
absl::StatusOr<double> ExploreOf(const RunAuctionRequest& request, const Placements::Rules& rules) {
  if (!request.has_explore()) return rules.explore;
  if (!request.rules().placement().empty()) {
    return base::InvalidField("explore", "is given beside a placement, which has a share of its own");
  }
  if (request.explore() >= 0 && request.explore() <= 1) return request.explore();
  return base::InvalidField("explore",
                            absl::StrCat(request.explore(), " is out of range; a share in [0, 1] is allowed"));
}

// The decision as it is logged: who was shown, where and at what price, and what was predicted of everyone.
LoggedAuction RecordOf(const RunAuctionRequest& request, const model::Model& model, const vickrey::v1::Reserve& reserve,
                       const Outcome& outcome) {
  LoggedAuction record;
  if (reserve.kind_case() != vickrey::v1::Reserve::KIND_NOT_SET) *record.mutable_reserve() = reserve;
  *record.mutable_auction() = request.auction();
  record.set_schema_id(model.file().schema().schema_id());  // its features were read by it
  record.set_model(model.ref());
  for (int i = 0; i < outcome.pctr_size(); ++i) {
    LoggedCandidate& candidate = *record.add_candidates();
    candidate.set_pctr(outcome.pctr(i));
    candidate.set_slot(0);
  }
  for (int k = 0; k < outcome.placements_size(); ++k) {
    const auto& placement = outcome.placements(k);
    LoggedCandidate& candidate = *record.mutable_candidates(placement.index());
    if (!outcome.propensities().empty()) candidate.set_propensity(outcome.propensities(k));
    candidate.set_slot(placement.slot());
    candidate.set_examination(placement.examination());
    candidate.set_price_micros(placement.price_micros());
  }
  return record;
}

// What the call is answered once the log has answered.
absl::Status LoggedStatus(const absl::StatusOr<AppendAuctionResult>& result, const std::string& auction_id) {
  if (!result.ok() && absl::IsInvalidArgument(result.status())) return result.status();
  if (!result.ok()) {
    return absl::UnavailableError(absl::StrCat("the decision could not be logged: ", result.status().message()));
  }
  if (result->status() != AppendAuctionResult::CONFLICT) return absl::OkStatus();
  return base::AboutField(
      absl::AlreadyExistsError(absl::StrCat("auction.auction_id: '", auction_id,
                                            "' is in the log with another content; an id stands for one auction")),
      "auction.auction_id");
}

void AddTokens(const RunAuctionRequest& request, Outcome* outcome) {
  for (const auto& placement : outcome->placements()) {
    outcome->add_impression_tokens(log::MakeImpressionToken(outcome->auction_id(), placement.ad_id(), placement.slot(),
                                                            request.auction().event_time()));
  }
}

}  // namespace

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const vickrey::v1::PredictRequest* request,
                                                     vickrey::v1::PredictResponse* response) {
  return Answer(&gate_, context, kPredict,
                [&](Call& call) { return server::Predict(registry_, *request, &call, response, &shadow_); });
}

absl::Status AuctionService::Decide(const RunAuctionRequest& request, Call* call, Outcome* outcome,
                                    LoggedAuction* record, ShadowModel* shadow) const {
  RETURN_IF_ERROR(call->admission());
  if (request.log()) RETURN_IF_ERROR(call->CheckRole(Role::kWriteLog));
  ASSIGN_OR_RETURN(auto choice, registry_.Choose(request.model(), request.auction().auction_id()));
  const auto& model = choice.model;
  call->set_model(model->ref());
  RETURN_IF_ERROR(call->CheckCandidates(request.auction().candidates_size()));
  ASSIGN_OR_RETURN(const Placements::Rules rules, placements_.Find(request.rules(), "rules."));
  ASSIGN_OR_RETURN(const double explore, ExploreOf(request, rules));
  ASSIGN_OR_RETURN(*outcome, decision::Decide(*model, *rules.mechanism, request.auction(), "auction."));
  RETURN_IF_ERROR(decision::Explore(explore, *rules.mechanism, request.auction(), outcome));
  call->set_candidates(request.auction().candidates_size());
  *shadow = std::move(choice.shadow);
  if (!request.log()) return absl::OkStatus();
  if (log_ == nullptr) return absl::FailedPreconditionError("log: this server was started without a log");
  *record = RecordOf(request, *model, rules.reserve, *outcome);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AuctionService::RunAuction(grpc::CallbackServerContext* context,
                                                     const RunAuctionRequest* request,
                                                     vickrey::v1::RunAuctionResponse* response) {
  auto* reactor = context->DefaultReactor();
  Outcome* outcome = response->mutable_outcome();
  const auto call = std::make_shared<Call>(&gate_, context, kRunAuction);
  LoggedAuction record;
  ShadowModel shadow;
  absl::Status status = Decide(*request, call.get(), outcome, &record, &shadow);
  if (!status.ok() || !request->log()) {
    if (status.ok()) OfferTo(&shadow_, shadow, request->auction(), outcome->pctr());
    reactor->Finish(call->End(status));
    return reactor;
  }
  AddTokens(*request, outcome);
  OfferTo(&shadow_, shadow, request->auction(), outcome->pctr());
  status = log_->AppendAuction(std::move(record), [=](const auto& result) {
    reactor->Finish(call->End(LoggedStatus(result, outcome->auction_id())));
  });
  if (absl::IsInvalidArgument(status)) status = absl::InvalidArgumentError(absl::StrCat("auction.", status.message()));
  if (!status.ok()) reactor->Finish(call->End(status));
  return reactor;
}

}  // namespace vickrey::server
