#ifndef VICKREY_MODEL_SCORER_H_
#define VICKREY_MODEL_SCORER_H_

#include <span>

#include "absl/status/status.h"
#include "vickrey/model/batch.h"

namespace vickrey::model {

// A trained network that turns a batch into logits. Immutable, so thread-safe.
class Scorer {
 public:
  virtual ~Scorer() = default;

  // One logit for each candidate of the batch, which is of the scorer's layout. REQUIRES: as many `logits`.
  virtual absl::Status Logits(const Batch& batch, std::span<float> logits) const = 0;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_SCORER_H_
