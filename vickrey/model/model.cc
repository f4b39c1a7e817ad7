#include "vickrey/model/model.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/encode.h"

namespace vickrey::model {
namespace {

// How many candidates the auctions have that a model is warmed up with, rising: each way that a scorer goes for few,
// some and many rows is gone before the first call comes.
constexpr int kWarmUp[] = {1, 3, 8, 32, 128};

}  // namespace

double Probability(const vickrey::storage::v1::Calibration& calibration, float logit) {
  const double u = static_cast<double>(logit) + calibration.logit_offset();
  const double p = calibration.multiplier() / (1 + std::exp(-u));
  return p > 1 ? 1 : p;  // not std::min, which would make a NaN a certainty
}

Model::Model(Artifact artifact, std::unique_ptr<const Scorer> scorer)
    : file_(std::move(artifact.file)),
      schema_(std::move(artifact.schema)),
      layout_(std::move(artifact.layout)),
      sha256_(std::move(artifact.sha256)),
      mapped_(std::move(artifact.mapped)),
      scorer_(std::move(scorer)) {}

absl::StatusOr<std::shared_ptr<const Model>> Model::Load(const std::filesystem::path& folder) {
  try {
    return LoadOrThrow(folder);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("artifact ", folder.string(), ": needs more memory than there is"));
  }
}

absl::StatusOr<std::shared_ptr<const Model>> Model::LoadOrThrow(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(Artifact artifact, LoadArtifact(folder));
  ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(artifact.file.spec().architecture()));
  auto scorer = architecture->make_native(artifact.file.spec(), artifact.layout, artifact.weights);
  // What the scorer has copied would lie in memory twice.
  const std::set<std::string> tables = TableTensors(artifact.layout);
  for (const auto& [name, tensor] : artifact.weights.tensors) {
    const std::string_view bytes(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size_bytes());
    if (!tables.contains(name)) artifact.mapped->Release(bytes);
  }
  std::shared_ptr<const Model> model(new Model(std::move(artifact), std::move(scorer)));
  vickrey::v1::Auction missing;
  for (const int candidates : kWarmUp) {
    while (missing.candidates_size() < candidates) missing.add_candidates();
    if (const auto prediction = model->Predict(missing, ""); !prediction.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(model->ref(), " fails its warm-up with ", candidates,
                                                        " candidates: ", prediction.status().message()));
    }
  }
  return model;
}

absl::StatusOr<Model::Prediction> Model::Predict(const vickrey::v1::Auction& auction, std::string_view where) const {
  thread_local Batch batch;  // grows to the largest auction, and then allocates no more
  batch.Clear();
  RETURN_IF_ERROR(AppendAuction(*schema_, layout_, auction, where, &batch));
  std::vector<float> logits(auction.candidates_size());
  RETURN_IF_ERROR(scorer_->Logits(batch, logits));
  Prediction prediction;
  prediction.logits.assign(logits.begin(), logits.end());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) {  // weights and features that overflow, one against the other
      return base::InvalidField(absl::StrCat(std::string(where), "candidates[", i, "].features"),
                                absl::StrCat("are too large for ", ref(), ", whose output is not a number"));
    }
    prediction.pctr.push_back(Probability(file_.calibration(), logits[i]));
  }
  return prediction;
}

vickrey::v1::ModelInfo Model::Info() const {
  vickrey::v1::ModelInfo info;
  info.set_name(name());
  info.set_version(version());
  info.set_state(vickrey::v1::ModelInfo::READY);
  info.set_sha256(sha256_);
  info.set_architecture(file_.spec().architecture());
  *info.mutable_schema() = file_.schema();
  *info.mutable_provenance() = file_.provenance();
  return info;
}

}  // namespace vickrey::model
