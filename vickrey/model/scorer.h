#ifndef VICKREY_MODEL_SCORER_H_
#define VICKREY_MODEL_SCORER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/model/batch.h"

namespace vickrey::model {

// A trained network that turns a batch into logits. Immutable, so thread-safe.
class Scorer {
 public:
  virtual ~Scorer() = default;

  // One logit for each candidate of the batch, which is of the scorer's layout.
  virtual absl::StatusOr<std::vector<float>> Logits(const Batch& batch) const = 0;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_SCORER_H_
