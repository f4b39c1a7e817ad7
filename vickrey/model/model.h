#ifndef VICKREY_MODEL_MODEL_H_
#define VICKREY_MODEL_MODEL_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/scorer.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/model.pb.h"

namespace vickrey::model {

// pCTR = min(1, multiplier x sigmoid(logit + logit_offset)), in double.
double Probability(const vickrey::storage::v1::Calibration& calibration, float logit);

// An artifact with its native scorer: what a server and a simulator predict with.
//
// The same artifact gives the same bits for an auction's candidate whatever else is asked, from any thread, in any
// process of the same build. Immutable, so thread-safe.
class Model {
 public:
  // Loads, checks and warms up: predicts auctions of few to many candidates whose features are all missing. As
  // LoadArtifact;
  // FAILED_PRECONDITION if the warm-up fails, RESOURCE_EXHAUSTED if there is not enough memory.
  static absl::StatusOr<std::shared_ptr<const Model>> Load(const std::filesystem::path& folder);

  struct Prediction {
    std::vector<double> logits;  // before calibration
    std::vector<double> pctr;    // in slot 1, in [0, 1]
  };
  // Predicts every candidate. INVALID_ARGUMENT naming the field under `where` ("auction."): a feature that is not the
  // schema's or not of its kind, or so large that the network's output is not a number.
  absl::StatusOr<Prediction> Predict(const vickrey::v1::Auction& auction, std::string_view where) const;

  // What there is to say of it: READY, without labels.
  vickrey::v1::ModelInfo Info() const;

  const std::string& name() const { return file_.name(); }
  const std::string& version() const { return file_.version(); }
  std::string ref() const { return name() + "@" + version(); }
  const std::string& sha256() const { return sha256_; }
  const vickrey::storage::v1::ModelFile& file() const { return file_; }

 private:
  Model(Artifact artifact, std::unique_ptr<const Scorer> scorer);
  static absl::StatusOr<std::shared_ptr<const Model>> LoadOrThrow(const std::filesystem::path& folder);

  const vickrey::storage::v1::ModelFile file_;
  const std::shared_ptr<const features::Schema> schema_;
  const Layout layout_;
  const std::string sha256_;
  const std::shared_ptr<const base::MappedFile> mapped_;  // where the scorer's tables lie
  const std::unique_ptr<const Scorer> scorer_;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_MODEL_H_
