// Training objectives. Letters as in docs/losses.md: bid b, label q, logit u, f = sigmoid(u).
#ifndef TRAINER_LOSS_LOSS_H_
#define TRAINER_LOSS_LOSS_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/loss/batch.h"
#include "vickrey/config/v1/loss.pb.h"

namespace vickrey::trainer {

// A rank loss holds all pairs of a batch in memory, some 100 bytes each: more are to be refused.
inline constexpr int64_t kMaxPairs = int64_t{1} << 24;

// Where on their schedules the parameters stand.
struct Point {
  double sigma = 1;  // steepness of a rank loss's surrogate
  double alpha = 1;  // share of the cross-entropy; 1: nothing else
};

// An objective:
//   1. MakeLoss checks its configuration;
//   2. Value, on any batches.
// Composed of LibTorch's operations, so that autograd gives the gradient; in the type of the logits (float or double).
//
// Immutable, so thread-safe.
class Loss {
 public:
  virtual ~Loss() = default;

  // The scalar that training minimises, of this batch. `logits`: (candidates of the batch). REQUIRES: at most kMaxPairs
  // pairs, for a rank loss.
  virtual at::Tensor Value(const at::Tensor& logits, const LossBatch& batch, const Point& point) const = 0;
};

// REQUIRES: a finished configuration. INVALID_ARGUMENT naming the field for a combination that makes no sense, with the
// reason: signed weights with a surrogate that they make linear.
absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const vickrey::config::v1::LossConfig& config);

// Whether the loss is one of pairs, with a warm phase and schedules.
bool IsRankLoss(const vickrey::config::v1::LossConfig& config);

// Where the parameters stand after `progress` (0 to 1) of the rank phase: sigma geometric and alpha linear from their
// first value to their last. A loss without pairs has alpha 1 throughout. At 0 it is what a configuration without
// schedules means.
Point PointAt(const vickrey::config::v1::LossConfig& config, double progress);

// Mean over the unmasked candidates of weight x (softplus(u) - q u), over base_rate. `weights`, where not empty, has an
// entry for each candidate. 0 where all are masked.
at::Tensor CrossEntropy(const at::Tensor& logits, const LossBatch& batch, const std::vector<double>& weights,
                        double base_rate);

// logloss.cc and welfare_rank.cc
std::unique_ptr<Loss> MakeLogloss(const vickrey::config::v1::LossConfig& config);
std::unique_ptr<Loss> MakeBidLogloss(const vickrey::config::v1::LossConfig& config);
std::unique_ptr<Loss> MakeWelfareRank(const vickrey::config::v1::LossConfig& config);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_LOSS_H_
