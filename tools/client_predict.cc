#include <memory>
#include <string>

#include "client/client.h"
#include "client/connect.h"
#include "tools/client.h"
#include "tools/line_terms.h"
#include "vickrey/decision/decide.h"
#include "vickrey/log/record.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::PredictLine;

struct PredictFlags {
  std::string artifact, address, model;
};

absl::Status PredictByArtifact(const PredictFlags& flags) {
  ASSIGN_OR_RETURN(const auto model, model::Model::Load(flags.artifact));
  return base::ForEachLine<AuctionLine>([&](const AuctionLine& in) -> absl::Status {
    ASSIGN_OR_RETURN(const auto record, log::FromLine(in));
    RETURN_IF_ERROR(decision::CheckOffer(record.auction(), "", /*bids=*/false));
    ASSIGN_OR_RETURN(const auto prediction, model->Predict(record.auction(), ""));
    PredictLine line;
    line.set_auction_id(in.auction_id());
    line.set_model(model->name());
    line.set_version(model->version());
    line.mutable_logits()->Add(prediction.logits.begin(), prediction.logits.end());
    line.mutable_pctr()->Add(prediction.pctr.begin(), prediction.pctr.end());
    base::WriteLine(line);
    return absl::OkStatus();
  });
}

absl::Status PredictByServer(const PredictFlags& flags) {
  vickrey::v1::PredictRequest request;
  ASSIGN_OR_RETURN(*request.mutable_model(), client::ParseModelRef(flags.model));
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  return base::ForEachLine<AuctionLine>([&](const AuctionLine& in) -> absl::Status {
    ASSIGN_OR_RETURN(auto record, log::FromLine(in));
    *request.mutable_auction() = std::move(*record.mutable_auction());
    auto predicted = client->Predict(request);
    RETURN_IF_ERROR(InLineTerms(predicted.status()));
    auto& response = *predicted;
    PredictLine line;
    line.set_auction_id(response.auction_id());
    line.set_model(response.model_name());
    line.set_version(response.model_version());
    *line.mutable_logits() = response.logits();
    *line.mutable_pctr() = response.pctr();
    base::WriteLine(line);
    return absl::OkStatus();
  });
}

absl::Status Predict(const PredictFlags& flags) {
  if (!flags.artifact.empty()) return PredictByArtifact(flags);
  if (flags.address.empty()) {
    return base::InvalidField("--artifact", "or --address with --model is required: who is to predict");
  }
  if (flags.model.empty()) return base::InvalidField("--model", "is required with --address");
  return PredictByServer(flags);
}

}  // namespace

void AddPredict(base::Tool& tool) {
  const auto flags = std::make_shared<PredictFlags>();
  CLI::App& app =
      tool.AddVerb("predict", "Click probabilities of the candidates of each auction of stdin",
                   "vickrey predict --artifact /tmp/models/ctr/1 < /dev/null", [flags] { return Predict(*flags); });
  auto* artifact = app.add_option("--artifact", flags->artifact, "An artifact's folder: no server is needed");
  app.add_option("--address", flags->address, "A server's HOST:PORT")->excludes(artifact);
  app.add_option("--model", flags->model, "NAME, NAME@VERSION or NAME:LABEL; NAME alone is its label `stable`")
      ->excludes(artifact);
}

}  // namespace vickrey::tools
