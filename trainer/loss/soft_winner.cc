// soft_winner: minus the value of a winner that is drawn by a softmax over the scores.
//
//   L = -sum_i softmax(s / tau)_i v_i,   v = c b q,   s = log b + log f
//
// Guarantee: as tau goes to 0, L goes to minus the value of the auction's winner (no ties), so that a minimum of L is a
// maximum of welfare; at a tau above 0 it bounds nothing. Tight where the pairwise bound is loose (more than two
// candidates), and free of the bids' scale.
//
// When to use it: in place of welfare_rank, with tau from .3 down to .05 over the rank phase. Its gradient vanishes
// for candidates far from the top, so it needs the warm phase.
#include <ATen/TensorOperators.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/elementwise.h"

namespace vickrey::trainer {
namespace {

class SoftWinner final : public AuctionLoss {
 public:
  explicit SoftWinner(const LossConfig& config) : scale_(config.has_scale() ? config.scale() : 1) {}

  double Fused(const Slate& slate, const Point& point, Precision, Workspace* workspace,
               double* gradient) const override {
    double* scores = Workspace::Room(&workspace->scores, slate.n);
    double* p = Workspace::Room(&workspace->weights, slate.n);
    for (int64_t i = 0; i < slate.n; ++i) scores[i] = slate.log_bids[i] + slate.log_f[i];
    Softmax(slate.n, scores, point.tau, p);
    double mean = 0;
    for (int64_t i = 0; i < slate.n; ++i) mean += p[i] * scale_ * slate.bids[i] * slate.labels[i];
    for (int64_t i = 0; i < slate.n; ++i) {
      gradient[i] = -p[i] / point.tau * (scale_ * slate.bids[i] * slate.labels[i] - mean) * slate.rest[i];
    }
    return -mean;
  }

  at::Tensor Composed(const Ragged& batch, const Point& point) const override {
    const at::Tensor p = batch.LogSoftmax(batch.LogEcpm() / point.tau).exp();
    return -batch.Sum(p * scale_ * batch.bids() * batch.labels());
  }

 private:
  const double scale_;
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeSoftWinner(const LossConfig& config) { return std::make_unique<SoftWinner>(config); }

}  // namespace vickrey::trainer
