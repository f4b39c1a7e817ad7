// Training objectives. Letters as in docs/losses.md: bid b, label q, logit u, f = sigmoid(u).
#ifndef TRAINER_LOSS_LOSS_H_
#define TRAINER_LOSS_LOSS_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/loss/auction_loss.h"
#include "trainer/loss/batch.h"
#include "vickrey/config/v1/loss.pb.h"

namespace vickrey::trainer {

// What training minimises: the mix of a loss L of auctions with the cross-entropy,
//
//   (1 - alpha) x mean over auctions of L + alpha x mean over labelled candidates of (softplus(u) - q u) / base_rate
//
// both weighed by the auctions' weights. logloss and bid_logloss are the second part alone, the latter with each
// candidate's term times its bid:
//
//   logloss      the default of the field; its minimum is f = E q, and a network that can reach it has no regret
//   bid_logloss  the simplest loss that knows money (cost-sensitive learning), and a strong baseline; no guarantee
//
// Immutable, so thread-safe.
class Loss {
 public:
  // `loss` null: the cross-entropy alone.
  Loss(std::unique_ptr<const AuctionLoss> loss, double base_rate, bool by_bid)
      : loss_(std::move(loss)), base_rate_(base_rate), by_bid_(by_bid) {}

  // The scalar, in the type of the logits (float or double) and on the CPU, differentiable once by them. `logits`:
  // (candidates of the batch), or (candidates, 2), click and no click, for a loss with two outputs. Fused: value and
  // gradient in one pass, memory of the order of the candidates, auctions shared among LibTorch's threads, the same
  // bits for any number of them. From another device the logits, four bytes a candidate, come to the CPU and the
  // gradient goes back: the many small kernels of the composed form take longer. REQUIRES: a batch that CheckBatch
  // takes.
  at::Tensor Value(const at::Tensor& logits, const LossBatch& batch, const Point& point) const;

  // The same composed of LibTorch's operations: the reference. A loss of pairs holds them all.
  at::Tensor Composed(const at::Tensor& logits, const LossBatch& batch, const Point& point) const;

  // Logits of each candidate: 1 or 2.
  int outputs() const { return loss_ == nullptr ? 1 : loss_->outputs(); }

 private:
  // Throws, as LibTorch does, where logits are not of the batch.
  void CheckShape(const at::Tensor& logits, const LossBatch& batch) const;

  const std::unique_ptr<const AuctionLoss> loss_;
  const double base_rate_;
  const bool by_bid_;
};

// INVALID_ARGUMENT naming the first field that the loss does not read, with those that it does. `config`: as it was
// given, before defaults. OK where the loss is not known: that is said by MakeLoss.
absl::Status CheckFields(const vickrey::config::v1::LossConfig& config);

// Whether the loss reads a field of its configuration.
bool Reads(const vickrey::config::v1::LossConfig& config, std::string_view field);

// Takes away what the loss does not read: what is left says the same, and can be given again.
void ClearUnread(vickrey::config::v1::LossConfig* config);

// REQUIRES: a finished configuration. INVALID_ARGUMENT naming the field for a combination that makes no sense, with the
// reason: signed weights with a surrogate that they make linear, a market's law that is not given.
absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const vickrey::config::v1::LossConfig& config);

// INVALID_ARGUMENT naming the auction and the field: lengths that differ, a bid that is not finite and above 0, a label
// outside [0, 1], a weight that is not finite and above 0, a logit that is not finite. `logits` may be empty: unknown.
absl::Status CheckBatch(const LossBatch& batch, const std::vector<double>& logits = {});

// Whether it is a loss of auctions, with a warm phase and schedules, and not the cross-entropy alone.
bool IsRankLoss(const vickrey::config::v1::LossConfig& config);

// What it reads of each candidate: 1 or 2 logits.
int OutputsOf(const vickrey::config::v1::LossConfig& config);

// OK, or why nothing can be trained by it: it has no gradient.
absl::Status CheckTrainable(const vickrey::config::v1::LossConfig& config);

// Where the parameters stand after `progress` (0 to 1) of the rank phase: sigma and tau geometric and alpha linear from
// their first value to their last. The cross-entropy alone has alpha 1 throughout. At 0 it is what a configuration
// without schedules means.
Point PointAt(const vickrey::config::v1::LossConfig& config, double progress);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_LOSS_H_
